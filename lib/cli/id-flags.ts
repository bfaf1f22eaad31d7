import type { IdmapOption, IdmapRange, UserNamespaceOption } from '../containers/index.ts';
import { invalidFlag, splitOnce } from './flag-values.ts';

/**
 * What follows `idmap=`, as podman and crun write it: `uids=0-1000-1#1-100000-999;gids=…`, in each range the first id in the
 * files, the first one here, and how many; with `@` before it the second is an id of the container. "": the container's map.
 */
export function parseIdmapText(flag: string, text: string): IdmapOption {
  if (text === '') return true;
  const fields = new Map(text.split(';').map((field) => splitOnce(field, '=')));
  const unknown = [...fields.keys()].find((key) => key !== 'uids' && key !== 'gids');
  if (unknown !== undefined)
    throw invalidFlag(flag, text, `${unknown} is unknown in an idmap; known are uids and gids`);
  const [uids, gids] = [fields.get('uids'), fields.get('gids')];
  if (!uids || !gids) throw invalidFlag(flag, text, 'an idmap needs both: uids=0-1000-1;gids=0-1000-1');
  return { uids: parseRanges(flag, uids), gids: parseRanges(flag, gids) };
}

function parseRanges(flag: string, text: string): IdmapRange[] {
  return text.split('#').map((range) => {
    const [, inside, source, host, size] = /^(@?)(\d{1,10})-(\d{1,10})-(\d{1,10})$/.exec(range) ?? [];
    if (size === undefined)
      throw invalidFlag(flag, range, 'a range is FILES-HOST-SIZE, or @FILES-CONTAINER-SIZE');
    return {
      source: Number(source),
      host: Number(host),
      size: Number(size),
      ...(inside && { inside: true }),
    };
  });
}

/** --userns: host, auto[:size=N,uidmapping=C:H:N,gidmapping=C:H:N], remap[:USER[:GROUP]]. */
export function parseUsernsFlag(value: string): UserNamespaceOption {
  const [mode, rest] = splitOnce(value, ':');
  if (mode === 'host' && rest === undefined) return 'host';
  if (mode === 'remap') return rest === undefined ? 'remap' : { remap: rest };
  if (mode === 'auto') return rest === undefined ? 'auto' : { auto: autoOptions(value, rest) };
  throw invalidFlag(
    '--userns',
    value,
    'invalid USER mode: use host, auto[:size=…,uidmapping=…,gidmapping=…] or remap[:USER[:GROUP]]',
  );
}

function autoOptions(value: string, text: string) {
  const fields = text.split(',').map((field) => splitOnce(field, '='));
  const unknown = fields.find(([key]) => !['size', 'uidmapping', 'gidmapping'].includes(key));
  if (unknown)
    throw invalidFlag(
      '--userns',
      value,
      `${unknown[0]} is unknown; known are size, uidmapping and gidmapping`,
    );
  const size = fields.findLast(([key]) => key === 'size')?.[1];
  const ranges = (name: string) =>
    fields.filter(([key]) => key === name).map(([, range = '']) => mapping(value, range));
  return {
    ...(size !== undefined && { size: sizeOf(value, size) }),
    uids: ranges('uidmapping'),
    gids: ranges('gidmapping'),
  };
}

function sizeOf(value: string, text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw invalidFlag('--userns', value, `${text} is no number of ids`);
}

function mapping(value: string, text: string) {
  const [, inside, outside, size] = /^(\d{1,10}):(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  if (outside === undefined) throw invalidFlag('--userns', value, 'a mapping is CONTAINER:HOST[:SIZE]');
  return { containerID: Number(inside), hostID: Number(outside), size: Number(size ?? 1) };
}
