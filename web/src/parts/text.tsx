import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { formatAge, formatTime, shortDigest } from '../format.ts';
import { CopyButton } from './copy-button.tsx';

/** How long ago; in full where the mouse rests. */
export function Age({ time }: { readonly time: string | undefined }) {
  if (time === undefined || Number.isNaN(Date.parse(time))) return <span class="dim">–</span>;
  return (
    <time dateTime={time} title={formatTime(time)}>
      {formatAge(time)}
    </time>
  );
}

export function DigestText({ digest, what = 'digest' }: { readonly digest: string; readonly what?: string }) {
  return (
    <span class="digest">
      <code title={digest}>{shortDigest(digest)}</code>
      <CopyButton text={digest} what={what} />
    </span>
  );
}

/** What something is, in a word. */
export function Badge({
  tone = 'plain',
  children,
}: {
  readonly tone?: string;
  readonly children: ComponentChildren;
}) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

interface HeadingProps {
  readonly title: string;
  readonly children?: ComponentChildren;
  /** Above it: where we are. */
  readonly trail?: ComponentChildren;
}

/** A page's title: the window's, too, and where the focus goes when the page comes. */
export function Heading({ title, children, trail }: HeadingProps) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Registry`;
    if (document.activeElement === document.body || document.activeElement?.tagName === 'A')
      heading.current?.focus();
  }, [title]);
  return (
    <header class="heading">
      {trail}
      <div class="heading-row">
        <h1 tabIndex={-1} ref={heading}>
          {title}
        </h1>
        {children && <div class="heading-actions">{children}</div>}
      </div>
    </header>
  );
}
