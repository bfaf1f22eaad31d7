import type { ComponentChildren } from 'preact';
import type { Loaded } from '../load.ts';
import { Icon } from './icon.tsx';

/** What went wrong, read out at once. */
export function Failure({ message }: { readonly message: string }) {
  return (
    <p class="failure" role="alert">
      <Icon name="warning" />
      <span>{message}</span>
    </p>
  );
}

/** That there is nothing, and what to do about it. */
export function Empty({ children }: { readonly children: ComponentChildren }) {
  return <div class="empty">{children}</div>;
}

interface WhenLoadedProps<T> {
  readonly loaded: Loaded<T>;
  readonly children: (value: T) => ComponentChildren;
}

/** What was asked for, once it is there; why it is not. */
export function WhenLoaded<T>({ loaded: { value, error }, children }: WhenLoadedProps<T>) {
  if (error !== undefined) return <Failure message={error.message} />;
  if (value === undefined) return <p class="loading">Loading…</p>;
  return <>{children(value)}</>;
}
