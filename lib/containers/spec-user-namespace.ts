import type { IdRange } from '../id-map/index.ts';
import { integer, invalidOption, oneOf, text } from './option-values.ts';
import type { UserNamespaceOption } from './options.ts';

/** Which user namespace a container is in; of a record: resolved, so that a later default changes nothing. */
export type SpecUserNamespace =
  | { readonly mode: 'host' }
  /** Ids of its own. `size`: how many; null: 65536, or as many as there are. `uids`, `gids`: more, of the machine's own. */
  | {
      readonly mode: 'auto';
      readonly size: number | null;
      readonly uids: readonly IdRange[];
      readonly gids: readonly IdRange[];
    }
  /** Those of `user` (and after a colon a group) in /etc/subuid and /etc/subgid; null: the engine's. */
  | { readonly mode: 'remap'; readonly user: string | null }
  | { readonly mode: 'map'; readonly uids: readonly IdRange[]; readonly gids: readonly IdRange[] };

const mostIds = 2 ** 32 - 1;

/** null: the engine's default. @throws EngineError ERR_CONTAINER_OPTION_INVALID */
export function parseUserNamespace(user: UserNamespaceOption | undefined): SpecUserNamespace | null {
  if (user === undefined || user === null) return null;
  if (typeof user === 'string')
    return parseMode(oneOf('namespaces.user', user, ['host', 'auto', 'remap'] as const));
  if ('auto' in user) {
    const { size, uids = [], gids = [] } = user.auto;
    return {
      mode: 'auto',
      size: size === undefined ? null : integer('namespaces.user.auto.size', size, 1, mostIds),
      uids: parseRanges('auto.uids', uids),
      gids: parseRanges('auto.gids', gids),
    };
  }
  if ('remap' in user) return { mode: 'remap', user: parseRemapUser(user.remap) };
  return 'hostId' in user ? parseSingle(user) : parseMaps(user);
}

function parseMode(mode: 'host' | 'auto' | 'remap'): SpecUserNamespace {
  if (mode === 'auto') return { mode, size: null, uids: [], gids: [] };
  return mode === 'remap' ? { mode, user: null } : { mode };
}

function parseRemapUser(value: unknown): string | null {
  const user = text('namespaces.user.remap', value);
  if (user === '' || user === 'default') return null;
  if (/^[^:\s]+(:[^:\s]+)?$/.test(user)) return user;
  throw invalidOption(
    'namespaces.user.remap',
    user,
    'write a user, and optionally ":" and a group, by names or numbers',
  );
}

function parseSingle({ hostId, size }: { hostId: number; size?: number }): SpecUserNamespace {
  const range = {
    containerID: 0,
    hostID: integer('namespaces.user.hostId', hostId, 0, mostIds - 1),
    size: integer('namespaces.user.size', size ?? 65_536, 1, mostIds - 1),
  };
  return { mode: 'map', uids: [range], gids: [range] };
}

function parseMaps({
  uids,
  gids,
}: {
  uids: readonly IdRange[];
  gids: readonly IdRange[];
}): SpecUserNamespace {
  const maps = { mode: 'map', uids: parseRanges('uids', uids), gids: parseRanges('gids', gids) } as const;
  const hasRoot = (ranges: readonly IdRange[]) => ranges.some(({ containerID }) => containerID === 0);
  if (hasRoot(maps.uids) && hasRoot(maps.gids)) return maps;
  throw invalidOption('namespaces.user', 'map', 'the id 0, the root of the container, must be in both maps');
}

function parseRanges(name: string, ranges: unknown): IdRange[] {
  if (!Array.isArray(ranges) || ranges.length > 340)
    throw invalidOption(`namespaces.user.${name}`, ranges, 'give at most 340 ranges');
  return ranges.map(({ containerID, hostID, size }) => ({
    containerID: integer(`namespaces.user.${name}.containerID`, containerID, 0, mostIds - 1),
    hostID: integer(`namespaces.user.${name}.hostID`, hostID, 0, mostIds - 1),
    size: integer(`namespaces.user.${name}.size`, size, 1, mostIds),
  }));
}
