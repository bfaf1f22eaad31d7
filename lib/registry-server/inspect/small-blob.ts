import type { ContentDigest } from '../content-digest.ts';
import { blobKey } from '../keys.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';

/** Bytes of the largest config that is looked into. */
const mostBytes = 4 * 1024 * 1024;

/** A small blob, whole; undefined for what is not here or is large. */
export async function readSmallBlob(
  storage: RegistryStorage,
  digest: ContentDigest,
): Promise<Buffer | undefined> {
  const status = await storage.stat(blobKey(digest));
  return status === undefined || status.size > mostBytes ? undefined : storage.read(blobKey(digest));
}
