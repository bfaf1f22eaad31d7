import type { IdMap } from '../id-map/index.ts';
import type { RuntimeMount } from '../oci/index.ts';
import type { VolumeMount } from '../volumes/index.ts';
import { noIdsToGive } from './container-ids.ts';
import type { BindRecursion } from './options.ts';
import type { MountedImage, RecordedVolume } from './record.ts';
import type { ContainerSpec } from './spec.ts';
import { idmapRanges, type SpecIdmap } from './spec-idmap.ts';
import type { SpecBind, SpecTmpfs } from './spec-mounts.ts';

/** A volume of a container, and what is mounted for it. */
export interface MountSource
  extends Pick<RecordedVolume, 'target' | 'readOnly' | 'copy' | 'subpath' | 'idmap'> {
  readonly mount: VolumeMount;
}

/** What a container asked to have mounted. */
export interface AskedMounts {
  readonly spec: Pick<ContainerSpec, 'mounts'>;
  readonly volumes: readonly MountSource[];
  readonly images?: readonly MountedImage[];
  /** Of the container's user namespace; null: it has none. */
  readonly idMap: IdMap | null;
}

export const hardened = ['nosuid', 'noexec', 'nodev'];

/** As config.json has it, parents before children. Pure. @throws EngineError ERR_CONTAINER_OPTION_INVALID for ids that are not there */
export function askedMounts({ spec, volumes, images = [], idMap }: AskedMounts): RuntimeMount[] {
  return [
    ...spec.mounts.flatMap((mount) =>
      mount.type === 'bind' ? [bindMount(mount, idMap)] : mount.type === 'tmpfs' ? [tmpfsMount(mount)] : [],
    ),
    ...volumes.map((volume) => volumeMount(volume, idMap)),
    ...images.map(imageMount),
  ].sort(parentsFirst);
}

function bindMount(bind: SpecBind, idMap: IdMap | null): RuntimeMount {
  const { source, target, readOnly, propagation, recursive = 'enabled', idmap = null } = bind;
  const options = [
    recursive === 'disabled' ? 'bind' : 'rbind',
    propagation,
    ...(readOnly ? [readOnlyWord[recursive]] : []),
  ];
  return withIds({ destination: target, type: 'bind', source, options }, idmap, idMap);
}

/** "rro" seals what is mounted below as well (mount_setattr(2), AT_RECURSIVE). */
const readOnlyWord: Readonly<Record<BindRecursion, 'ro' | 'rro'>> = {
  enabled: 'rro',
  readonly: 'rro',
  writable: 'ro',
  disabled: 'ro',
};

/**
 * tmpcopyup of a bind is our runtime's own: an empty source gets what lies at the target; so is subpath. What has
 * the ids inside on the disk is seen through the container's map.
 */
function volumeMount(volume: MountSource, idMap: IdMap | null): RuntimeMount {
  const { mount, target, readOnly, copy, subpath, idmap = null } = volume;
  const isDirectory = mount.type === 'bind';
  const own: SpecIdmap | null = mount.idsInside && idMap ? { kind: 'container' } : null;
  const options = [
    ...mount.options,
    ...(isDirectory ? ['rprivate'] : []),
    ...(readOnly ? ['ro'] : []),
    ...(copy ? ['tmpcopyup'] : []),
    ...(subpath ? [`subpath=${subpath}`] : []),
  ];
  return withIds(
    { destination: target, type: mount.type, source: mount.source, options },
    idmap ?? own,
    idMap,
  );
}

/** Its layers are the task's: `image` is our runtime's own. */
function imageMount({ target, subpath, image }: MountedImage): RuntimeMount {
  const options = ['ro', ...(subpath === null ? [] : [`subpath=${subpath}`])];
  return { destination: target, type: 'image', source: image.reference, options };
}

/** Docker's defaults; an option given by the user comes later, and the last one wins. */
function tmpfsMount({ target, size, mode, options }: SpecTmpfs): RuntimeMount {
  return {
    destination: target,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [
      ...hardened.filter((option) => !options.includes(option.slice(2))),
      `mode=${(mode ?? 0o1777).toString(8)}`,
      ...(size === null ? [] : [`size=${size}`]),
      ...options,
    ],
  };
}

function withIds(mount: RuntimeMount, idmap: SpecIdmap | null, idMap: IdMap | null): RuntimeMount {
  if (idmap === null) return mount;
  const own = idmapRanges(idmap, idMap);
  if (own === null && idMap === null) throw noIdsToGive(mount.destination);
  return {
    ...mount,
    options: [...(mount.options ?? []), 'idmap'],
    ...(own && { uidMappings: own.uids, gidMappings: own.gids }),
  };
}

function parentsFirst(left: RuntimeMount, right: RuntimeMount): number {
  return left.destination.split('/').length - right.destination.split('/').length;
}
