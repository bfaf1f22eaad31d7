/** native/sys as the library sees it: locks, whole files, trees. Failures are EngineErrors (errors.ts). */
import { fromNative, toEngineError } from './errors.ts';
import { native } from './load.ts';
import type { NativeLock, NativeUserNamespace } from './native.ts';

export type { NativeLock } from './native.ts';

/** See NativeAddon.lockFile. */
export function lockFile(
  path: string,
  options: { readonly shared: boolean; readonly wait: boolean },
): Promise<NativeLock | null> {
  return fromNative(() => native.lockFile(path, options));
}

/** See NativeAddon.isLocked. */
export function isLocked(path: string): boolean {
  try {
    return native.isLocked(path);
  } catch (error) {
    throw toEngineError(error);
  }
}

/** See NativeAddon.syncFileSystem. */
export function syncFileSystem(path: string): Promise<void> {
  return fromNative(() => native.syncFileSystem(path));
}

/** See NativeAddon.writeFileAtomic. */
export function writeFileAtomic(
  path: string,
  data: string | Uint8Array,
  options: { readonly mode: number; readonly durable: boolean },
): Promise<void> {
  return fromNative(() => native.writeFileAtomic(path, data, options));
}

/** See NativeAddon.removeTree. */
export function removeTree(path: string, userNamespace: NativeUserNamespace | null = null): Promise<void> {
  return fromNative(() => native.removeTree(path, userNamespace));
}

/** See NativeAddon.bytesFreed. */
export function bytesFreed(): Promise<void> {
  return fromNative(() => native.bytesFreed());
}

/** See NativeAddon.diskUsage. */
export function diskUsage(
  path: string,
  userNamespace: NativeUserNamespace | null = null,
): Promise<{ bytes: number; inodes: number }> {
  return fromNative(() => native.diskUsage(path, userNamespace));
}
