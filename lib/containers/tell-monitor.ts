import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../../bindings/files.ts';
import type { TaskDescription } from '../runtime/index.ts';
import { eventSource } from './announce.ts';
import type { ContainersContext } from './context.ts';
import type { ContainerRecord } from './record.ts';
import { restartDescription } from './restart-policy.ts';
import { ignoring } from './store.ts';

/**
 * What has changed in the record and matters to its monitor, if it has one: the restart policy, and what it is called in
 * events. The monitor reads its task again at each end.
 */
export async function tellMonitor(context: ContainersContext, record: ContainerRecord): Promise<void> {
  const { runDir, stopped } = context.store.paths(record.id);
  const path = `${runDir}/task.json`;
  const json = await readFile(path, 'utf8').catch(ignoring('ENOENT'));
  if (json === null) return;
  const { restart: _, ...task } = JSON.parse(json) as TaskDescription;
  const restart = restartDescription(record.spec.restart, stopped);
  const events = { ...task.events, ...eventSource(context, record) };
  const changed = { ...task, ...(restart && { restart }), events };
  await writeFileAtomic(path, JSON.stringify(changed), { mode: 0o600, durable: false }).catch(
    ignoring('ENOENT'),
  );
}
