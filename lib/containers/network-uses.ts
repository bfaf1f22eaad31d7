import { lockFile } from '../../bindings/files.ts';
import { taskState } from '../runtime/index.ts';
import { isAlive } from './owner.ts';
import { type ContainerStore, ignoring } from './store.ts';

/** The names of the containers that name a network, by the name or id that they use. By records alone. */
export async function findNetworkUses(
  store: ContainerStore,
): Promise<ReadonlyMap<string, readonly string[]>> {
  const uses = new Map<string, string[]>();
  for (const id of await store.ids()) {
    const record = await store.read(id);
    for (const { network } of record?.spec.networks ?? [])
      uses.set(network, [...(uses.get(network) ?? []), record?.name ?? id]);
  }
  return uses;
}

/** Whether a container may still need its addresses: it runs, or somebody is about to start it. */
export async function needsAddresses(store: ContainerStore, id: string): Promise<boolean> {
  const { runDir, lock: path } = store.paths(id);
  if ((await taskState(runDir)).status !== 'dead') return true;
  const record = await store.read(id);
  if (record === null) return false;
  if (record.owner !== undefined && isAlive(record.owner)) return true;
  const lock = await lockFile(path, { shared: true, wait: false }).catch(ignoring('ENOENT'));
  lock?.release();
  return lock === null; // held: a start, or whatever else will see to it
}
