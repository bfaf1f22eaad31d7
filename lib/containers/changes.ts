import { listLayerChanges, type UpperDirectory } from '../../bindings/layer.ts';
import type { Mount } from '../mount/index.ts';
import type { ContainerChange } from './container.ts';
import type { ContainersContext } from './context.ts';
import { throwIfAborted } from './create.ts';
import type { ContainerRecord } from './record.ts';

/** A list longer than this is of no use to anybody, and takes a gigabyte. */
const maxChanges = 5_000_000;

/** What the container has changed of its image, sorted by path. The layers below are looked at in a mount of this process alone. */
export async function listContainerChanges(
  context: ContainersContext,
  record: ContainerRecord,
  options: { signal?: AbortSignal | undefined } = {},
): Promise<ContainerChange[]> {
  throwIfAborted(options.signal);
  return await listLayerChanges({ ...(await upperDirectory(context, record)), limit: maxChanges });
}

/** Where a container's changes are, above what, and where the engine itself has made something. */
export async function upperDirectory(
  context: ContainersContext,
  record: ContainerRecord,
): Promise<UpperDirectory> {
  return {
    upper: context.store.paths(record.id).upper,
    below: await layersBelow(context, record),
    mountPoints: [...ownMountPoints, ...(record.spec.init ? ['/sbin/docker-init'] : [])],
    userNamespace: await context.ids.namespace(),
  };
}

async function layersBelow(
  { snapshots }: ContainersContext,
  { image }: ContainerRecord,
): Promise<Mount | null> {
  if (image.directory !== null) return { type: 'directory', path: image.directory };
  return image.chainId === null ? null : await snapshots.view(image.chainId);
}

/** What the runtime makes in a root that lacks it, so that it can mount there (runtime-mounts.ts). Docker has a layer for these. */
const ownMountPoints = [
  '/dev',
  '/dev/console',
  '/dev/mqueue',
  '/dev/pts',
  '/dev/shm',
  '/etc/hostname',
  '/etc/hosts',
  '/etc/resolv.conf',
  '/proc',
  '/sys',
];
