import type { ContainerInfo, Containers } from '../containers/index.ts';
import { isEngineError } from '../errors/index.ts';
import type { Images, ImageUsage } from '../images/index.ts';
import type { VolumeStore, Volumes } from '../volumes/index.ts';

/** What one kind of thing takes on disk. All sizes are bytes. */
export interface UsageOf<Item> {
  readonly total: number;
  /** How many are in use: images that a container has, containers that run, volumes that a container has. */
  readonly active: number;
  readonly size: number;
  /** What a prune of all that is not in use would free. */
  readonly reclaimable: number;
  readonly items: readonly Item[];
}

/** A container and what it has written. */
export interface ContainerUsage extends ContainerInfo {
  readonly size: number;
}

/** A volume, and how many containers have it. */
export interface VolumeUsage {
  readonly name: string;
  readonly size: number;
  readonly containers: number;
}

/** What a root holds. Every byte counts once. */
export interface DiskUsage {
  readonly images: UsageOf<ImageUsage>;
  readonly containers: UsageOf<ContainerUsage>;
  readonly volumes: UsageOf<VolumeUsage>;
  readonly buildCache: UsageOf<never>;
}

/** See System.diskUsage. */
export async function measureDiskUsage(engine: {
  images: Images;
  containers: Containers;
  volumes: Volumes;
  volumeStore: VolumeStore;
}): Promise<DiskUsage> {
  const [images, containers] = await Promise.all([
    engine.images.usage(),
    engine.containers.list({ all: true }),
  ]);
  return {
    images: {
      total: images.images.length,
      active: images.images.filter((image) => image.containers > 0).length,
      size: images.size,
      reclaimable: images.reclaimable,
      items: images.images,
    },
    containers: summarize(await measureContainers(engine.containers, containers), ({ state }) =>
      ['running', 'paused'].includes(state.status),
    ),
    volumes: summarize(await measureVolumes(engine), (volume) => volume.containers > 0),
    buildCache: summarize<never>([], () => false),
  };
}

function summarize<Item extends { readonly size: number }>(
  items: readonly Item[],
  isActive: (item: Item) => boolean,
): UsageOf<Item> {
  const sum = (some: readonly Item[]) => some.reduce((bytes, { size }) => bytes + size, 0);
  return {
    total: items.length,
    active: items.filter(isActive).length,
    size: sum(items),
    reclaimable: sum(items.filter((item) => !isActive(item))),
    items,
  };
}

async function measureContainers(
  containers: Containers,
  infos: readonly ContainerInfo[],
): Promise<ContainerUsage[]> {
  const measured = infos.map(async (info) => {
    const size = await containers.size(info.id).catch(gone);
    return size === null ? [] : [{ ...info, size }];
  });
  return (await Promise.all(measured)).flat();
}

async function measureVolumes(engine: {
  volumes: Volumes;
  volumeStore: VolumeStore;
}): Promise<VolumeUsage[]> {
  const measured = (await engine.volumes.list()).map(async ({ name, containers }) => ({
    name,
    size: await engine.volumeStore.size(name),
    containers: containers.length,
  }));
  return await Promise.all(measured);
}

function gone(error: unknown): null {
  if (isEngineError(error, 'ERR_CONTAINER_NOT_FOUND')) return null;
  throw error;
}
