import { useState } from 'preact/hooks';
import { api } from './api.ts';
import { Icon, type IconName } from './parts/icon.tsx';
import { go, Link, type Place } from './router.tsx';
import { useSession } from './session.tsx';
import { chooseTheme, chosenTheme, type Theme, themes } from './theme.ts';

const places = [
  { page: 'users', name: 'Users' },
  { page: 'robots', name: 'Robots' },
  { page: 'grants', name: 'Grants' },
  { page: 'upkeep', name: 'Upkeep' },
  { page: 'audit', name: 'Audit log' },
] as const;

/** What stands above every page: where one can go, and who one is. */
export function Top({ place, isLive }: { readonly place: Place; readonly isLive: boolean }) {
  const { session } = useSession();
  const isRepository = ['repositories', 'repository', 'manifest'].includes(place.page);
  return (
    <header class="top">
      <div class="top-row">
        <Link to={{ page: 'repositories' }} class="brand">
          <img src="/ui/icon.svg" alt="" width="28" height="28" />
          <span>{location.host}</span>
        </Link>
        <span
          class="live"
          data-live={isLive}
          title={isLive ? 'Changes are shown as they happen' : 'Changes are not shown as they happen'}
        >
          {isLive ? 'live' : 'offline'}
        </span>
        <div class="top-end">
          <ThemeButton />
          <Account />
        </div>
      </div>
      <nav class="places" aria-label="Parts of the registry">
        <Link to={{ page: 'repositories' }} isCurrent={isRepository}>
          Repositories
        </Link>
        {session.isAdmin &&
          places.map(({ page, name }) => (
            <Link key={page} to={{ page }} isCurrent={place.page === page}>
              {name}
            </Link>
          ))}
      </nav>
    </header>
  );
}

function Account() {
  const { session, refresh } = useSession();
  const signOut = async () => {
    await api.signOut();
    await refresh();
    go({ page: 'repositories' });
  };
  if (session.name === undefined)
    return session.mustLogin ? (
      <Link to={{ page: 'sign-in' }} class="button">
        Sign in
      </Link>
    ) : (
      <span class="dim">open to this machine</span>
    );
  return (
    <>
      <span class="account">{session.name}</span>
      {session.csrfToken !== undefined && (
        <button type="button" onClick={() => void signOut()}>
          Sign out
        </button>
      )}
    </>
  );
}

const themeIcons: Readonly<Record<Theme, IconName>> = { system: 'screen', light: 'sun', dark: 'moon' };

function ThemeButton() {
  const [theme, setTheme] = useState(chosenTheme());
  const next = themes[(themes.indexOf(theme) + 1) % themes.length] ?? 'system';
  const turn = () => {
    chooseTheme(next);
    setTheme(next);
  };
  const label = `Colours: ${theme}. Change to ${next}`;
  return (
    <button type="button" class="quiet" aria-label={label} title={label} onClick={turn}>
      <Icon name={themeIcons[theme]} />
    </button>
  );
}
