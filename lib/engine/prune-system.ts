import type { ContainerInfo, Containers } from '../containers/index.ts';
import type { ImageSummary, Images, RemovedImage } from '../images/index.ts';
import type { Volumes } from '../volumes/index.ts';

/** How far a prune goes. */
export interface PruneOptions {
  /** All images that no container has, not only those without a tag. */
  readonly all?: boolean;
  /** Anonymous volumes that no container has, too. */
  readonly volumes?: boolean;
  /** Of the containers and images that could go, whether this one shall. */
  readonly filter?: (thing: ContainerInfo | ImageSummary) => boolean;
}

/** What a prune has removed, and the bytes that it freed. */
export interface Pruned {
  readonly containers: readonly string[];
  readonly images: readonly RemovedImage[];
  readonly volumes: readonly string[];
  readonly bytes: number;
}

/** See System.prune: first who uses something, then what was used. */
export async function pruneSystem(
  engine: { images: Images; containers: Containers; volumes: Volumes },
  options: PruneOptions = {},
): Promise<Pruned> {
  const filter = options.filter && { filter: options.filter };
  const containers = await engine.containers.prune({ ...filter });
  const volumes = options.volumes ? await engine.volumes.prune() : { removed: [], bytes: 0 };
  const images = await engine.images.prune({ all: options.all === true, ...filter });
  return {
    containers: containers.removed,
    images: images.removed,
    volumes: volumes.removed,
    bytes: containers.bytes + volumes.bytes + images.bytes,
  };
}
