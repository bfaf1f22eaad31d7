import { join } from 'node:path';
import type { ManifestLists } from '../manifests/index.ts';
import type { EngineOptions } from './engine.ts';
import { rootPath } from './open-root.ts';
import { userAgent } from './registries.ts';

/** Needs no rights but those to write its drafts, in `<root>/manifests`. Everything is loaded by the first call. */
export function openManifests(options: Pick<EngineOptions, 'root' | 'config'> = {}): ManifestLists {
  let opened: Promise<ManifestLists> | undefined;
  const lists = () => {
    opened ??= open(options);
    return opened;
  };
  return {
    inspect: async (...call) => (await lists()).inspect(...call),
    create: async (...call) => (await lists()).create(...call),
    annotate: async (...call) => (await lists()).annotate(...call),
    push: async (...call) => (await lists()).push(...call),
    remove: async (...call) => (await lists()).remove(...call),
  };
}

async function open(options: Pick<EngineOptions, 'root' | 'config'>): Promise<ManifestLists> {
  const [{ openManifestLists }, { loadConfig }, client] = await Promise.all([
    import('../manifests/index.ts'),
    import('../config/index.ts'),
    import('../registry-client/index.ts'),
  ]);
  const config = await loadConfig(options.config === undefined ? {} : { file: options.config });
  return openManifestLists({
    folder: join(rootPath(options, process.env), 'manifests'),
    openRepository: async (reference) => client.openRemoteRepository(reference, { config, userAgent }),
    openSink: async (reference, { mountFrom }) =>
      client.openRemoteSink(reference, { config, userAgent, mountFrom }),
  });
}
