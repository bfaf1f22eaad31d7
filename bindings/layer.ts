/** native/layer as the library sees it: compressed bytes in, a layer's files out. Failures are EngineErrors (errors.ts). */

import type { ErofsLayer, LayerRef } from '../lib/mount/index.ts';
import { fromNative } from './errors.ts';
import { native } from './load.ts';
import type {
  LayerGaps,
  LayerSinkOptions,
  NativeAddon,
  NativeChange,
  NativeLayerIndex,
  NativeLayerMount,
  NativeLayerSink,
  NativeUserNamespace,
} from './native.ts';

export type {
  LayerGaps,
  LayerSinkOptions,
  LayerTarget,
  NativeChange,
  NativeLayerIndex,
  NativeLayerMount,
  NativeLayerSink,
  UnpackedTar,
  UpperDirectory,
} from './native.ts';

/** See NativeAddon.openLayerSink. */
export async function openLayerSink(options: LayerSinkOptions): Promise<NativeLayerSink> {
  const sink = await fromNative(() => native.openLayerSink(options));
  return {
    offset: sink.offset,
    write: (chunk) => fromNative(() => sink.write(chunk)),
    finish: () => fromNative(() => sink.finish()),
    abort: () => fromNative(() => sink.abort()),
  };
}

/** See NativeAddon.completeLayer. */
export function completeLayer(
  target: string,
  lowers: readonly LayerRef[],
  gaps: LayerGaps,
  userNamespace: NativeUserNamespace | null = null,
): Promise<number> {
  return fromNative(() => native.completeLayer(target, lowers, gaps, userNamespace));
}

/** See NativeAddon.mountLayer. */
export function mountLayer({ index, tar }: ErofsLayer): NativeLayerMount {
  return native.mountLayer(index, tar);
}

/** See NativeAddon.verifyLayer. */
export function verifyLayer(options: Parameters<NativeAddon['verifyLayer']>[0]): Promise<string | null> {
  return fromNative(() => native.verifyLayer(options));
}

/** See NativeLayerIndex.write. */
export function writeIndex(
  index: NativeLayerIndex,
  options: Parameters<NativeLayerIndex['write']>[0],
): ReturnType<NativeLayerIndex['write']> {
  return fromNative(() => index.write(options));
}

/** See NativeAddon.compareTrees. */
export function compareTrees(
  expected: string,
  actual: string,
  implied: readonly string[],
  userNamespace: NativeUserNamespace | null = null,
): Promise<{ path: string; what: string } | null> {
  return fromNative(() => native.compareTrees(expected, actual, implied, userNamespace));
}

/** See NativeAddon.writeLayerDiff. */
export function writeLayerDiff(
  options: Parameters<NativeAddon['writeLayerDiff']>[0],
): Promise<{ digest: string; size: number; entries: number }> {
  return fromNative(() => native.writeLayerDiff(options));
}

/** See NativeAddon.listLayerChanges. */
export function listLayerChanges(
  options: Parameters<NativeAddon['listLayerChanges']>[0],
): Promise<NativeChange[]> {
  return fromNative(() => native.listLayerChanges(options));
}
