import type { IdMap, IdRange } from '../id-map/index.ts';
import { flag, integer, invalidOption } from './option-values.ts';
import type { IdmapOption, IdmapRange } from './options.ts';

/** Whose the files of a mount are. */
export type SpecIdmap =
  | { readonly kind: 'container' }
  | { readonly kind: 'explicit'; readonly uids: readonly IdmapRange[]; readonly gids: readonly IdmapRange[] };

const mostIds = 2 ** 32 - 1;

export function parseIdmap(idmap: IdmapOption | undefined): SpecIdmap | null {
  if (idmap === undefined) return null;
  if (idmap === true) return { kind: 'container' };
  return { kind: 'explicit', uids: parseRanges('uids', idmap.uids), gids: parseRanges('gids', idmap.gids) };
}

function parseRanges(name: 'uids' | 'gids', ranges: readonly IdmapRange[]): IdmapRange[] {
  const option = `mounts.idmap.${name}`;
  if (!Array.isArray(ranges) || ranges.length === 0 || ranges.length > 340)
    throw invalidOption(option, ranges, 'give 1 to 340 ranges');
  return ranges.map(({ source, host, size, inside }) => ({
    source: integer(`${option}.source`, source, 0, mostIds - 1),
    host: integer(`${option}.host`, host, 0, mostIds - 1),
    size: integer(`${option}.size`, size, 1, mostIds),
    ...(flag(`${option}.inside`, inside) && { inside: true }),
  }));
}

/**
 * A mount's own maps, as config.json has them: an id in the files to one of this machine. null: the container's.
 * @throws EngineError ERR_CONTAINER_OPTION_INVALID for ids inside that the container has not got
 */
export function idmapRanges(idmap: SpecIdmap, container: IdMap | null): IdMap | null {
  if (idmap.kind === 'container') return null;
  return {
    uids: idmap.uids.map((range) => outside(range, container?.uids)),
    gids: idmap.gids.map((range) => outside(range, container?.gids)),
  };
}

function outside({ source, host, size, inside }: IdmapRange, map: readonly IdRange[] | undefined): IdRange {
  if (!inside || map === undefined) return { containerID: source, hostID: host, size };
  const range = map.find((one) => host >= one.containerID && host + size <= one.containerID + one.size);
  if (range === undefined)
    throw invalidOption(
      'mounts.idmap',
      `@${source}-${host}-${size}`,
      'the container has no such ids, or not in one range',
    );
  return { containerID: source, hostID: range.hostID + host - range.containerID, size };
}
