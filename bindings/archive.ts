/** Archives of files as the library sees them: what is where in a tar, files inflated, trees read as tars. */
import { fromNative } from './errors.ts';
import { native } from './load.ts';
import type { NativeAddon, NativeUserNamespace, TarMember } from './native.ts';

export type { TarMember } from './native.ts';

/** See NativeAddon.indexTar. */
export function indexTar(path: string, maxMembers: number): Promise<TarMember[]> {
  return fromNative(() => native.indexTar(path, maxMembers));
}

/** See NativeAddon.inflateFile. */
export function inflateFile(options: {
  readonly source: string;
  readonly offset?: number;
  readonly size?: number;
  readonly compression: 'gzip' | 'zstd' | 'none';
  readonly target: string;
  readonly maxBytes: number;
}): Promise<{ digest: string; size: number }> {
  return fromNative(() => native.inflateFile(options));
}

/** See NativeAddon.readTree. */
export function readTree(
  mount: Parameters<NativeAddon['readTree']>[0],
  hidden: readonly string[],
  userNamespace: NativeUserNamespace | null = null,
): { readonly fd: number; readonly written: Promise<void> } {
  const { fd, written } = native.readTree(mount, hidden, userNamespace);
  return { fd, written: fromNative(() => written) };
}
