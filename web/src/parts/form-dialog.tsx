import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';
import { Dialog } from './dialog.tsx';
import { Icon } from './icon.tsx';

interface Props {
  /** Of the button, the dialog and what it does. */
  readonly label: string;
  readonly verb?: string;
  readonly icon?: 'plus' | 'lock';
  readonly class?: string;
  /** With what the fields have by their names. */
  readonly act: (fields: FormData) => Promise<void>;
  readonly children: ComponentChildren;
}

/** A button that asks for what is needed. */
export function FormButton({
  label,
  verb = label,
  icon = 'plus',
  class: name = 'primary',
  act,
  children,
}: Props) {
  const [isOpen, setOpen] = useState(false);
  const isQuiet = name === 'quiet';
  return (
    <>
      <button
        type="button"
        class={name}
        onClick={() => setOpen(true)}
        {...(isQuiet && { 'aria-label': label, title: label })}
      >
        <Icon name={icon} /> {!isQuiet && label}
      </button>
      {isOpen && (
        <Dialog title={label} verb={verb} act={act} close={() => setOpen(false)}>
          {children}
        </Dialog>
      )}
    </>
  );
}

/** A field's text, without what stands around it. */
export function textOf(fields: FormData, name: string): string {
  return String(fields.get(name) ?? '').trim();
}
