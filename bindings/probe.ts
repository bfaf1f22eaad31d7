import { fromNative } from './errors.ts';
import { native } from './load.ts';
import type { Capability } from './native.ts';

export type { Capability } from './native.ts';

/** See NativeAddon.probeErofs. */
export function probeErofs(root: string): string {
  return native.probeErofs(root);
}

/** See NativeAddon.probe. */
export function probe(root: string): Promise<Readonly<Record<Capability, { ok: boolean; reason?: string }>>> {
  return fromNative(() => native.probe(root));
}
