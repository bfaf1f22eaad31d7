import { useCallback, useEffect, useState } from 'preact/hooks';
import type { SessionDocument } from '../../lib/registry-server/api-documents.ts';
import { api } from './api.ts';
import { listen } from './live.ts';
import { asApiError } from './load.ts';
import { Audit } from './pages/audit.tsx';
import { Grants } from './pages/grants.tsx';
import { Manifest } from './pages/manifest.tsx';
import { Repositories } from './pages/repositories.tsx';
import { Repository } from './pages/repository.tsx';
import { Robots } from './pages/robots.tsx';
import { SignIn } from './pages/sign-in.tsx';
import { Upkeep } from './pages/upkeep.tsx';
import { Users } from './pages/users.tsx';
import { Empty, Failure } from './parts/notice.tsx';
import { Status } from './parts/status.tsx';
import { Link, type Place, usePlace } from './router.tsx';
import { SessionContext, useSession } from './session.tsx';
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
  const { session } = useSession();
  switch (place.page) {
    case 'sign-in':
      return <SignIn />;
    case 'repositories':
      return <Repositories />;
    case 'repository':
      return <Repository key={place.name} name={place.name} />;
    case 'manifest':
      return <Manifest key={`${place.name} ${place.reference}`} {...place} />;
    case 'nowhere':
      return <Empty>There is nothing at this address.</Empty>;
    default:
      return session.isAdmin ? <Administration page={place.page} /> : <ForAdministrators />;
  }
}

type AdminPage = 'users' | 'robots' | 'grants' | 'upkeep' | 'audit';

function Administration({ page }: { readonly page: AdminPage }) {
  switch (page) {
    case 'users':
      return <Users />;
    case 'robots':
      return <Robots />;
    case 'grants':
      return <Grants />;
    case 'upkeep':
      return <Upkeep />;
    case 'audit':
      return <Audit />;
  }
}

function ForAdministrators() {
  return (
    <Empty>
      <p>This is for administrators.</p>
      <Link to={{ page: 'sign-in' }} class="button">
        Sign in
      </Link>
    </Empty>
  );
}
