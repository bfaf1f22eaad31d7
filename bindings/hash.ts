/** native/hash as the library sees it: sha256 by the processor's own instructions. Failures are EngineErrors (errors.ts). */
import { fromNative } from './errors.ts';
import { native } from './load.ts';
import type { NativeHash } from './native.ts';

export type { NativeHash } from './native.ts';

/** See NativeAddon.hashFile. */
export function hashFile(path: string, offset?: number, length?: number): Promise<string> {
  return fromNative(() => native.hashFile(path, offset, length));
}

/**
 * A sha256 in the making, from the beginning, or from what another's save() gave; digest() answers hex, and may be asked in
 * between. Throws TypeError for what is no saved sha256.
 */
export function createHash(saved?: Uint8Array): NativeHash {
  return native.createHash(saved);
}
