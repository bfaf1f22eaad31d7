import { existsSync } from 'node:fs';
import { nativeFile } from '../../bindings/load.ts';
import { defaultCdiDirectories } from '../cdi/index.ts';
import {
  ContainerStore,
  type ContainersContext,
  findNetworkUses,
  findVolumeUses,
  hostFacts,
  isProcessAlive,
  needsAddresses,
  openContainers,
} from '../containers/index.ts';
import { EngineError } from '../errors/index.ts';
import { EventJournal } from '../events/index.ts';
import { hostIds, IdRanges, mappedIds, userIdMap } from '../id-map/index.ts';
import type { Images } from '../images/index.ts';
import { NetworkStore, openNetworks } from '../network/index.ts';
import { type LayerForm, openSnapshotter, type Snapshotter } from '../snapshots/index.ts';
import { openVolumes, VolumeStore } from '../volumes/index.ts';
import type { Engine, EngineOptions } from './engine.ts';
import { lazyImages } from './lazy-images.ts';
import { openManifests } from './manifests.ts';
import { openRoot } from './open-root.ts';
import { openRegistries, userAgent } from './registries.ts';
import { requireSameMap } from './same-map.ts';
import { openSystem } from './system.ts';
import { userNamespaceDefaults } from './user-namespaces.ts';

/**
 * Opens the engine of a root. Cheap, and nothing runs in the background: what a crash left is healed when it is met.
 * @throws EngineError ERR_PERMISSION, ERR_ROOT_INVALID, ERR_ADDON_NOT_FOUND
 */
export async function openEngine(options: EngineOptions = {}): Promise<Engine> {
  const { root, runDir } = openRoot(options, process.env);
  const ids = process.geteuid?.() === 0 ? hostIds : mappedIds(requireSameMap(root, userIdMap().map));
  const store = new ContainerStore(root, runDir, ids);
  store.prepare();
  const events = new EventJournal(root);
  events.prepare();
  const snapshots = openSnapshotter({
    root: `${root}/layers`,
    writable: `${root}/containers`,
    layers: layerForm(options.layers ?? process.env.STRAKE_LAYERS),
    ids,
  });
  const images = lazyImages(events, () => openImagesOf(root, snapshots, options, () => containers.uses()));
  const { connections, ...networks } = openNetworks({
    store: new NetworkStore(root, runDir, (id) => needsAddresses(store, id)),
    netns: options.netns ?? process.env.STRAKE_NETNS ?? '',
    heal: () => containers.list({ all: true }),
    findUses: () => findNetworkUses(store),
    events,
  });
  const context: ContainersContext = {
    root,
    runDir,
    monitor: options.monitor ?? nativeFile('strake-monitor'),
    init: initProgram(),
    store,
    networks: connections,
    volumes: new VolumeStore(root, ids),
    images,
    snapshots,
    host: hostFacts(ids),
    ids,
    idRanges: new IdRanges(`${root}/id-ranges`, async (id) => store.exists(id), isProcessAlive),
    userNamespaces: userNamespaceDefaults(options),
    events,
    cdiDirectories: options.cdiDirectories ?? defaultCdiDirectories,
    onTrace: options.onTrace,
  };
  const containers = openContainers(context);
  const volumes = openVolumes({
    store: context.volumes,
    heal: () => containers.list({ all: true }),
    findUses: () => findVolumeUses(store),
    events,
  });
  return {
    root,
    runDir,
    images,
    containers,
    events: (options) => events.read(options),
    volumes,
    networks,
    system: openSystem({
      root,
      runDir,
      images,
      containers,
      volumes,
      volumeStore: context.volumes,
      snapshots,
      ids,
      check: async (options) => {
        const { checkRoot } = await import('../check/index.ts');
        return await checkRoot({ containers: context, images, snapshots, unit: restartUnit }, options);
      },
    }),
    registries: openRegistries(options),
    manifests: openManifests(options),
    run: containers.run,
    pool: containers.pool,
    [Symbol.asyncDispose]: async () => undefined, // files and locks are held by the calls that need them
  };
}

/** Where `system install-unit` writes its unit, unless it is told another place. */
const restartUnit = '/etc/systemd/system/strake-restart.service';

/** Configuration, registry client and stores are loaded by the first command that has to do with images. */
async function openImagesOf(
  root: string,
  snapshots: Snapshotter,
  options: EngineOptions,
  listContainers: () => ReturnType<ReturnType<typeof openContainers>['uses']>,
): Promise<Images> {
  const [{ openImages }, { loadConfig }] = await Promise.all([
    import('../images/index.ts'),
    import('../config/index.ts'),
  ]);
  const config = await loadConfig(options.config === undefined ? {} : { file: options.config });
  return openImages({
    root,
    snapshots,
    listContainers,
    openRepository: async (reference, credentials) => {
      const { openRemoteRepository } = await import('../registry-client/index.ts');
      return openRemoteRepository(reference, { config, userAgent, ...(credentials && { credentials }) });
    },
    openSink: async (reference, options) => {
      const { openRemoteSink } = await import('../registry-client/index.ts');
      return openRemoteSink(reference, { config, userAgent, ...options });
    },
    limits: { maxBytes: config.limits.layerSize, maxEntries: config.limits.layerEntries },
    concurrency: config.downloads.concurrency,
    keepCompressed: config.storage.keepCompressed,
  });
}

function layerForm(asked: string | undefined): LayerForm | 'auto' {
  if (asked === undefined || asked === '') return 'auto';
  if (asked === 'auto' || asked === 'erofs' || asked === 'directory') return asked;
  throw new EngineError(
    'ERR_INVALID_ARGUMENT',
    `STRAKE_LAYERS is auto, erofs or directory, not ${JSON.stringify(asked.slice(0, 40))}`,
  );
}

function initProgram(): string | null {
  try {
    const path = nativeFile('strake-init');
    return existsSync(path) ? path : null;
  } catch {
    return null;
  }
}
