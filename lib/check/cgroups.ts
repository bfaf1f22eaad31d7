import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { type ContainersContext, endTask } from '../containers/index.ts';
import { taskState } from '../runtime/index.ts';
import { type Problem, problem } from './finding.ts';
import type { Survey } from './survey.ts';

/** Groups below each other. */
const deepest = 16;

/**
 * Control groups of containers of this root that do not run. They are the machine's: whose one of a container is that is gone
 * says the journal of events.
 */
export async function inspectCgroups(
  context: ContainersContext,
  survey: Survey,
  mentioned: ReadonlySet<string>,
): Promise<Problem[]> {
  const known = new Set([...survey.records, ...survey.unreadable].map(({ id }) => id));
  const groups = [...groupsById()].filter(([id]) => known.has(id) || mentioned.has(id));
  const problems = groups.map(async ([id, { path, name }]) => {
    if ((await taskState(context.store.paths(id).runDir)).status !== 'dead') return [];
    const what = `container ${id.slice(0, 12)} does not run`;
    return [problem('CGROUP_LEFTOVER', path, what, () => end(context, id, known.has(id), name))];
  });
  return (await Promise.all(problems)).flat();
}

async function end(
  context: ContainersContext,
  id: string,
  isThere: boolean,
  group: string,
): Promise<undefined> {
  const { store } = context;
  using _lock = isThere ? await store.lock(id).catch(() => null) : null;
  if ((await taskState(store.paths(id).runDir)).status === 'dead') await endTask(context, id, group);
}

interface Group {
  readonly path: string;
  /** As the runtime calls it: below the topmost group that may be written (native/cgroup/host.cc). */
  readonly name: string;
}

/** The groups that are named for containers, wherever those have asked for them (--cgroup-parent), each once. */
function groupsById(): Map<string, Group> {
  const top = '/sys/fs/cgroup';
  const isUnified = existsSync(`${top}/cgroup.controllers`);
  const hierarchies = isUnified ? [top] : foldersIn(top).map((name) => join(top, name));
  return new Map(hierarchies.flatMap((folder) => groupsBelow(folder, undefined, deepest)));
}

function groupsBelow(folder: string, known: string | undefined, depth: number): [string, Group][] {
  const base = known ?? (isWritable(folder) ? folder : undefined);
  return foldersIn(folder).flatMap((name): [string, Group][] => {
    const path = join(folder, name);
    if (base !== undefined && /^[0-9a-f]{64}$/.test(name))
      return [[name, { path, name: relative(base, path) }]];
    return depth > 0 ? groupsBelow(path, base, depth - 1) : [];
  });
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** Links, by which some hierarchies have further names, are none. */
function foldersIn(folder: string): string[] {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return []; // not there, or not ours to see
  }
}
