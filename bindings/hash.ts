/** native/hash as the library sees it: sha256 by the processor's own instructions. Failures are EngineErrors (errors.ts). */
import { fromNative } from './errors.ts';
import { native } from './load.ts';
import type { NativeHash } from './native.ts';

export type { NativeHash } from './native.ts';

/** See NativeAddon.hashFile. */
export function hashFile(path: string, offset?: number, length?: number): Promise<string> {
  return fromNative(() => native.hashFile(path, offset, length));
}

/** A sha256 in the making; digest() answers hex, and may be asked in between. */
export function createHash(): NativeHash {
  return native.createHash();
}
