import type { VolumeUse, VolumeUses } from '../volumes/index.ts';
import type { ContainerRecord } from './record.ts';
import type { ContainerStore } from './store.ts';

/** Which containers have which volumes, by their records alone: nothing is healed and no lock is taken. */
export async function findVolumeUses(store: ContainerStore): Promise<VolumeUses> {
  const uses = new Map<string, VolumeUse[]>();
  for (const { id, name, volumes } of await recordsOf(store)) {
    for (const volume of new Set(volumes.map((volume) => volume.name)))
      uses.set(volume, [...(uses.get(volume) ?? []), { id, name }]);
  }
  return uses;
}

/** Of all, with those that are being made, which are looked at first: they may become containers meanwhile. */
async function recordsOf(store: ContainerStore): Promise<ContainerRecord[]> {
  const records = new Map((await store.drafts()).map((record) => [record.id, record]));
  for (const id of await store.ids()) {
    const record = await store.read(id);
    if (record !== null) records.set(id, record);
  }
  return [...records.values()];
}
