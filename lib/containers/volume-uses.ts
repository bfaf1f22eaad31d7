import type { VolumeUse, VolumeUses } from '../volumes/index.ts';
import type { ContainerStore } from './store.ts';

/** Which containers have which volumes, by their records alone: nothing is healed and no lock is taken. */
export async function findVolumeUses(store: ContainerStore): Promise<VolumeUses> {
  const uses = new Map<string, VolumeUse[]>();
  for (const id of await store.ids()) {
    const record = await store.read(id);
    const names = new Set(record?.volumes.map((volume) => volume.name));
    for (const volume of names)
      uses.set(volume, [...(uses.get(volume) ?? []), { id, name: record?.name ?? id }]);
  }
  return uses;
}
