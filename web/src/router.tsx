import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';

/** Where the registry serves the page. */
const base = '/ui';

/** A place of the page, by its address. */
export type Place =
  | { readonly page: 'repositories' }
  | { readonly page: 'repository'; readonly name: string }
  | { readonly page: 'manifest'; readonly name: string; readonly reference: string }
  | { readonly page: 'users' | 'robots' | 'grants' | 'upkeep' | 'audit' | 'sign-in' | 'nowhere' };

/** A repository's address is its name, a manifest's is the image's reference: no name has `:` or `@`. */
export function readPlace(path: string): Place {
  const rest = path.startsWith(base) ? path.slice(base.length) : path;
  const [, name = '', tag, digest] = /^\/repositories\/([^:@]+)(?::([^/]+)|@([^/]+))?$/.exec(rest) ?? [];
  const reference = tag ?? digest;
  if (name !== '')
    return reference === undefined ? { page: 'repository', name } : { page: 'manifest', name, reference };
  if (rest === '' || rest === '/' || rest === '/repositories') return { page: 'repositories' };
  const plain = (['users', 'robots', 'grants', 'upkeep', 'audit', 'sign-in'] as const).find(
    (one) => rest === `/${one}`,
  );
  return { page: plain ?? 'nowhere' };
}

export function addressOf(place: Place): string {
  switch (place.page) {
    case 'repositories':
    case 'nowhere':
      return `${base}/`;
    case 'repository':
      return `${base}/repositories/${place.name}`;
    case 'manifest':
      return `${base}/repositories/${place.name}${place.reference.includes(':') ? '@' : ':'}${place.reference}`;
    default:
      return `${base}/${place.page}`;
  }
}

export function go(place: Place): void {
  history.pushState(null, '', addressOf(place));
  dispatchEvent(new PopStateEvent('popstate'));
  scrollTo(0, 0);
}

/** Where we are. */
export function usePlace(): Place {
  const [path, setPath] = useState(location.pathname);
  useEffect(() => {
    const follow = () => setPath(location.pathname);
    addEventListener('popstate', follow);
    return () => removeEventListener('popstate', follow);
  }, []);
  return readPlace(path);
}

interface LinkProps {
  readonly to: Place;
  readonly children: ComponentChildren;
  readonly class?: string;
  readonly isCurrent?: boolean;
}

/** A link of this page: a click stays in it, and whatever else browsers do with links they do. */
export function Link({ to, children, class: name, isCurrent }: LinkProps) {
  const follow = (event: MouseEvent) => {
    if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    go(to);
  };
  const link = useRef<HTMLAnchorElement>(null);
  // On a phone the current one may be out of sight.
  useEffect(() => {
    if (isCurrent) link.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [isCurrent]);
  return (
    <a
      ref={link}
      href={addressOf(to)}
      class={name}
      onClick={follow}
      aria-current={isCurrent ? 'page' : undefined}
    >
      {children}
    </a>
  );
}
