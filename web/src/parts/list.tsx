import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Icon } from './icon.tsx';

/** Entries of one page of a list. */
export const pageSize = 50;

interface SearchProps {
  readonly label: string;
  readonly onText: (text: string) => void;
}

/** A field to look for something; tells of what is typed once nothing more is, for a moment. */
export function Search({ label, onText }: SearchProps) {
  const [text, setText] = useState('');
  useEffect(() => {
    const timer = setTimeout(() => onText(text.trim()), 150);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div class="search">
      <Icon name="search" />
      <input
        type="search"
        aria-label={label}
        placeholder={label}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
    </div>
  );
}

interface PagerProps {
  readonly from: number;
  readonly total: number;
  readonly onFrom: (from: number) => void;
}

/** To the entries before and behind those that are shown. */
export function Pager({ from, total, onFrom }: PagerProps) {
  if (total <= pageSize) return null;
  const last = Math.min(from + pageSize, total);
  return (
    <nav class="pager" aria-label="Pages">
      <button type="button" disabled={from === 0} onClick={() => onFrom(Math.max(0, from - pageSize))}>
        Previous
      </button>
      <span>
        {from + 1}–{last} of {total.toLocaleString('en')}
      </span>
      <button type="button" disabled={last >= total} onClick={() => onFrom(from + pageSize)}>
        Next
      </button>
    </nav>
  );
}

/** A column: its name, and whether phones have no room for it. */
export interface Column {
  readonly name: string;
  readonly isWide?: boolean;
  readonly isNumber?: boolean;
  /** Its name is read out only. */
  readonly isSilent?: boolean;
}

interface TableProps {
  readonly caption: string;
  readonly columns: readonly Column[];
  readonly children: ComponentChildren;
}

export function Table({ caption, columns, children }: TableProps) {
  return (
    <div class="table-frame">
      <table>
        <caption class="hidden">{caption}</caption>
        <thead>
          <tr>
            {columns.map(({ name, isWide, isNumber, isSilent }) => (
              <th key={name} scope="col" class={classOf({ wide: isWide, number: isNumber })}>
                <span class={isSilent ? 'hidden' : undefined}>{name}</span>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** The names of those that hold. */
export function classOf(names: Readonly<Record<string, boolean | undefined>>): string | undefined {
  const held = Object.keys(names).filter((name) => names[name]);
  return held.length > 0 ? held.join(' ') : undefined;
}
