import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';

interface SectionProps {
  readonly title: string;
  /** Behind the title. */
  readonly note?: string;
  /** Buttons. */
  readonly actions?: ComponentChildren;
  readonly children: ComponentChildren;
}

/** A part of a page, with its title. */
export function Section({ title, note, actions, children }: SectionProps) {
  const id = useId();
  return (
    <section class="section" aria-labelledby={id}>
      <div class="section-row">
        <h2 id={id}>{title}</h2>
        {note !== undefined && <span class="dim">{note}</span>}
        {actions}
      </div>
      {children}
    </section>
  );
}
