import { useCallback, useEffect, useState } from 'preact/hooks';
import type { SessionDocument } from '../../lib/registry-server/api-documents.ts';
import { api } from './api.ts';
import { listen } from './live.ts';
import { asApiError } from './load.ts';
import { Repositories } from './pages/repositories.tsx';
import { Repository } from './pages/repository.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { Empty, Failure } from './parts/notice.tsx';
import { Status } from './parts/status.tsx';
import { type Place, usePlace } from './router.tsx';
import { SessionContext } from './session.tsx';
import { Top } from './top.tsx';

/** The page: who uses it, where he is, and what is there. */
export function App() {
  const place = usePlace();
  const [session, setSession] = useState<SessionDocument>();
  const [error, setError] = useState<string>();
  const [isLive, setLive] = useState(false);
  const refresh = useCallback(async () => {
    try {
      setSession(await api.session());
      setError(undefined);
      listen(setLive);
    } catch (failure) {
      setError(asApiError(failure).message);
    }
  }, []);
  useEffect(() => void refresh(), []);
  if (session === undefined) return error === undefined ? null : <Failure message={error} />;
  return (
    <SessionContext.Provider value={{ session, refresh }}>
      <a class="skip" href="#main">
        Skip to content
      </a>
      <Top place={place} isLive={isLive} />
      <main id="main" tabIndex={-1} key={session.name ?? ''}>
        <Body place={place} />
      </main>
      <Status />
    </SessionContext.Provider>
  );
}

function Body({ place }: { readonly place: Place }) {
  if (place.page === 'sign-in') return <SignIn />;
  switch (place.page) {
    case 'repositories':
      return <Repositories />;
    case 'repository':
      return <Repository key={place.name} name={place.name} />;
    default:
      return <Empty>There is nothing at this address.</Empty>;
  }
}
