import type { ContentSource } from '../../content/index.ts';
import { EngineError } from '../../errors/index.ts';
import { parseContentDigest } from '../content-digest.ts';
import { blobKey } from '../keys.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';

/** What a registry has, as a source of content. */
export function storageSource(storage: RegistryStorage): ContentSource {
  return {
    fetch: async ({ digest, size }, { offset = 0 } = {}) => {
      const body = await storage.open(blobKey(parseContentDigest(digest)), { start: offset, end: size - 1 });
      if (body) return body;
      throw new EngineError('ERR_BLOB_NOT_FOUND', `blob ${digest} is gone`, { details: { digest } });
    },
  };
}
