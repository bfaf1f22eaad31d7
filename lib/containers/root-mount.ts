import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { limitSize } from '../../bindings/quota.ts';
import type { Mount } from '../mount/index.ts';
import type { ContainersContext } from './context.ts';
import type { ContainerRecord } from './record.ts';
import type { DraftPaths } from './store.ts';

/** Where a new container's writable layer is made; `key`: as the snapshotter knows it. */
export type RootPlace = Pick<DraftPaths, 'key' | 'upper' | 'work'>;

/** The root file system of a new container: its writable layer is made. */
export async function prepareRoot(
  context: ContainersContext,
  record: ContainerRecord,
  place: RootPlace = { ...context.store.paths(record.id), key: record.id },
): Promise<Mount> {
  const { image, spec } = record;
  const mount =
    image.directory === null
      ? await context.snapshots.prepare(place.key, image.chainId, { volatile: spec.autoRemove })
      : await prepareAbove(context, record, place, image.directory);
  if (spec.storageSize !== null) await limitSize([place.upper, place.work], spec.storageSize);
  return image.directory === null ? asAsked(record, mount) : mount;
}

async function prepareAbove(
  context: ContainersContext,
  record: ContainerRecord,
  place: RootPlace,
  directory: string,
): Promise<Mount> {
  const owner = context.ids.inside(makeWritable(place, directory));
  if (owner.uid !== 0 || owner.gid !== 0) await context.ids.setOwner(place.upper, owner);
  return directoryRoot(context, record, directory);
}

/** The root file system of a container that exists. */
export async function existingRoot(context: ContainersContext, record: ContainerRecord): Promise<Mount> {
  const { image, id, spec } = record;
  if (image.directory !== null) return directoryRoot(context, record, image.directory);
  return asAsked(record, await context.snapshots.mount(id, image.chainId, { volatile: spec.autoRemove }));
}

/** The root itself looks as the directory below does; answers whose that is. Synchronous: it takes less than one turn through libuv's pool. */
function makeWritable({ upper, work }: RootPlace, directory: string) {
  const { mode, uid, gid } = statSync(directory);
  mkdirSync(work, { mode: 0o700 });
  mkdirSync(upper, { mode: 0o700 });
  chmodSync(upper, mode & 0o7777); // while it is ours
  return { uid, gid };
}

function directoryRoot(context: ContainersContext, record: ContainerRecord, directory: string): Mount {
  const { upper, work } = context.store.paths(record.id);
  return {
    type: 'overlay',
    lower: [{ directory }],
    upper,
    work,
    volatile: record.spec.autoRemove,
    ...(context.ids.userxattr && { userxattr: true }),
    hidden: [...hiddenByDefault(context, directory), ...record.spec.hide],
  };
}

/** The engine's own files, with what is written above the directory, and what belongs to running programs. */
function hiddenByDefault({ root, runDir }: ContainersContext, directory: string): string[] {
  const prefix = directory === '/' ? '/' : `${directory}/`;
  const own = [root, runDir]
    .filter((path) => path.startsWith(prefix))
    .map((path) => `/${path.slice(prefix.length)}`);
  return directory === '/' ? ['/run', ...own.filter((path) => !path.startsWith('/run/'))] : own;
}

/** With what is hidden, and an empty root with the ids of the container, as an overlay has them anyway. */
function asAsked({ spec: { hide }, idMap }: ContainerRecord, mount: Mount): Mount {
  return {
    ...mount,
    ...(hide.length > 0 && { hidden: [...(mount.hidden ?? []), ...hide] }),
    ...(mount.type === 'directory' && idMap && { idmap: true }),
  };
}
