import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ContainersContext, endTask } from '../containers/index.ts';
import { taskState } from '../runtime/index.ts';
import { type Problem, problem } from './finding.ts';
import type { Survey } from './survey.ts';

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
  const problems = groups.map(async ([id, path]) => {
    if ((await taskState(context.store.paths(id).runDir)).status !== 'dead') return [];
    const what = `container ${id.slice(0, 12)} does not run`;
    return [problem('CGROUP_LEFTOVER', path, what, () => end(context, id, known.has(id)))];
  });
  return (await Promise.all(problems)).flat();
}

async function end(context: ContainersContext, id: string, isThere: boolean): Promise<undefined> {
  const { store } = context;
  using _lock = isThere ? await store.lock(id).catch(() => null) : null;
  if ((await taskState(store.paths(id).runDir)).status === 'dead') await endTask(context, id);
}

/** The groups named for containers below every `strake` that this process may use, each once. */
function groupsById(): Map<string, string> {
  const found = new Map<string, string>();
  for (const folder of parents()) {
    for (const id of entriesOf(folder)) if (/^[0-9a-f]{64}$/.test(id)) found.set(id, join(folder, id));
  }
  return found;
}

/** Below the top of each hierarchy, and below the group of this process (cgroups(7), /proc/PID/cgroup). */
function parents(): string[] {
  const top = '/sys/fs/cgroup';
  const own = readText('/proc/self/cgroup')
    .split('\n')
    .map((line) => line.split(':')[2] ?? '/');
  const hierarchies = [top, ...entriesOf(top).map((name) => join(top, name))];
  return [
    ...new Set(hierarchies.flatMap((place) => ['/', ...own].map((path) => join(place, path, 'strake')))),
  ];
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // not there, or no directory
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
