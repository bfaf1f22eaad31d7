import type { ContainersContext } from './context.ts';
import { flag, invalidOption, normalizePath, text } from './option-values.ts';
import type { VolumesFromOption } from './options.ts';
import type { ContainerRecord, RecordedVolume } from './record.ts';
import type { ContainerSpec } from './spec.ts';
import type { SpecBind } from './spec-mounts.ts';

/** A container whose volumes and binds another one has, too. */
export interface SpecVolumesFrom {
  readonly container: string;
  readonly readOnly: boolean;
}

/** What a container has of others. */
export interface Inherited {
  readonly binds: readonly SpecBind[];
  readonly volumes: readonly RecordedVolume[];
}

export function parseVolumesFrom(from: VolumesFromOption): SpecVolumesFrom {
  return {
    container: text('volumesFrom.container', from?.container),
    readOnly: flag('volumesFrom.readOnly', from.readOnly),
  };
}

/**
 * The volumes and binds of the containers that the spec names, at their places there. What the spec mounts itself comes
 * first, then who is named last (docker's rule). ERR_CONTAINER_NOT_FOUND, ERR_CONTAINER_OPTION_INVALID
 */
export async function inheritVolumes(
  { store }: Pick<ContainersContext, 'store'>,
  spec: ContainerSpec,
): Promise<Inherited> {
  const taken = new Set(spec.mounts.map(({ target }) => normalizePath(target)));
  const untaken = <Mount extends { target: string }>(mounts: readonly Mount[]) =>
    mounts.filter(({ target }) => !taken.has(normalizePath(target)));
  const found = { binds: [] as SpecBind[], volumes: [] as RecordedVolume[] };
  for (const { container, readOnly } of spec.volumesFrom.toReversed()) {
    const record = await store.read(await store.find(container));
    if (record === null) throw invalidOption('volumesFrom', container, 'it has just been removed');
    const volumes = untaken(record.volumes).map((volume) => inherit(record, volume, readOnly));
    const binds = untaken(record.spec.mounts.filter((mount) => mount.type === 'bind')).map((bind) => ({
      ...bind,
      readOnly: bind.readOnly || readOnly,
    }));
    for (const { target } of [...volumes, ...binds]) taken.add(normalizePath(target));
    found.volumes.push(...volumes);
    found.binds.push(...binds);
  }
  return found;
}

/** An anonymous volume stays its maker's, which leaves it to whoever has it still. The monitor of one with `autoRemove` asks nobody. */
function inherit({ name, spec }: ContainerRecord, volume: RecordedVolume, readOnly: boolean): RecordedVolume {
  if (volume.anonymous && spec.autoRemove)
    throw invalidOption(
      'volumesFrom',
      name,
      `its anonymous volume at ${volume.target} goes with it, when it ends: give that volume a name`,
    );
  return {
    ...volume,
    anonymous: false,
    inherited: true,
    copy: false,
    readOnly: volume.readOnly || readOnly,
  };
}
