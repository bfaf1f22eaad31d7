import { isAlive, type Owner, thisProcess } from './owner.ts';

/**
 * Containers in the making are directories beside the finished ones, `.new-ID-PID-STARTTIME`: whoever finds one knows at
 * once whether its maker still lives. It becomes a container with one rename, when all of it is there.
 */
export interface Draft {
  readonly id: string;
  readonly owner: Owner;
}

const prefix = '.new-';

/** The name of the directory in which this process makes a container. */
export function draftName(id: string): string {
  const { pid, startTime } = thisProcess();
  return `${prefix}${id}-${pid}-${startTime}`;
}

/** undefined: that is the name of something else. */
export function parseDraftName(name: string): Draft | undefined {
  const [, id, pid, startTime] = /^\.new-([0-9a-f]{64})-(\d+)-(\d*)$/.exec(name) ?? [];
  return id === undefined || startTime === undefined
    ? undefined
    : { id, owner: { pid: Number(pid), startTime } };
}

/** Of the names of a directory, those of drafts whose makers live. */
export function livingDrafts(names: readonly string[]): (Draft & { readonly name: string })[] {
  return names.flatMap((name) => {
    const draft = parseDraftName(name);
    return draft && isAlive(draft.owner) ? [{ ...draft, name }] : [];
  });
}
