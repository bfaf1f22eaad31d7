import type { ComponentChildren } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { asApiError } from '../load.ts';
import { Failure } from './notice.tsx';

interface DialogProps {
  readonly title: string;
  /** What the button says that does it. */
  readonly verb: string;
  readonly isDangerous?: boolean;
  /** Does it; what it throws is shown, and the dialog stays. */
  readonly act: (fields: FormData) => Promise<void>;
  readonly close: () => void;
  readonly children: ComponentChildren;
}

/** Asks before something is done. The browser keeps the focus in it, and Escape closes it. */
export function Dialog({ title, verb, isDangerous, act, close, children }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  const submit = async (event: Event) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    setError(undefined);
    setBusy(true);
    try {
      await act(fields);
      close();
    } catch (failure) {
      setError(asApiError(failure).message);
      setBusy(false);
    }
  };
  return (
    <dialog ref={dialog} aria-labelledby={id} onClose={close}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={id}>{title}</h2>
        <div class="dialog-body">{children}</div>
        {error !== undefined && <Failure message={error} />}
        <div class="actions">
          <button type="button" onClick={close}>
            Cancel
          </button>
          <button type="submit" class={isDangerous ? 'danger' : 'primary'} disabled={isBusy}>
            {verb}
          </button>
        </div>
      </form>
    </dialog>
  );
}

interface ConfirmProps {
  /** Of the button that asks. */
  readonly label: string;
  readonly title: string;
  readonly verb: string;
  readonly act: () => Promise<void>;
  readonly children: ComponentChildren;
  readonly button: ComponentChildren;
  readonly class?: string;
}

/** A button that asks before it does what cannot be undone. */
export function ConfirmButton({ label, button, class: name = 'quiet', children, ...rest }: ConfirmProps) {
  const [isAsking, setAsking] = useState(false);
  return (
    <>
      <button type="button" class={name} aria-label={label} title={label} onClick={() => setAsking(true)}>
        {button}
      </button>
      {isAsking && (
        <Dialog {...rest} isDangerous close={() => setAsking(false)}>
          {children}
        </Dialog>
      )}
    </>
  );
}
