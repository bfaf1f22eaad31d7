import { useEffect, useRef, useState } from 'preact/hooks';
import { api } from '../api.ts';
import { asApiError } from '../load.ts';
import { Failure } from '../parts/notice.tsx';
import { go } from '../router.tsx';
import { useSession } from '../session.tsx';

/** A name and a password become a session. */
export function SignIn() {
  const { refresh } = useSession();
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => {
    document.title = 'Sign in · Registry';
    field.current?.focus();
  }, []);
  const submit = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    setBusy(true);
    setError(undefined);
    try {
      await api.session();
      await api.signIn(String(form.get('name')), String(form.get('password')));
      go({ page: 'repositories' });
      await refresh();
    } catch (failure) {
      setError(asApiError(failure).message);
      setBusy(false);
    }
  };
  return (
    <section class="sign-in">
      <img src="/ui/icon.svg" alt="" width="48" height="48" />
      <h1>Sign in</h1>
      <p class="dim">
        to <strong>{location.host}</strong>
      </p>
      <form onSubmit={(event) => void submit(event)}>
        <label>
          Name
          <input
            name="name"
            autocomplete="username"
            autocapitalize="none"
            spellcheck={false}
            required
            ref={field}
          />
        </label>
        <label>
          Password
          <input name="password" type="password" autocomplete="current-password" required />
        </label>
        {error !== undefined && <Failure message={error} />}
        <button type="submit" class="primary" disabled={isBusy}>
          Sign in
        </button>
      </form>
    </section>
  );
}
