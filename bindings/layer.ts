/** native/layer as the library sees it: compressed bytes in, a layer's files out. Failures are EngineErrors (errors.ts). */
import { fromNative } from './errors.ts';
import { native } from './load.ts';
import type { LayerGaps, LayerSinkOptions, NativeAddon, NativeChange, NativeLayerSink } from './native.ts';

export type { LayerGaps, LayerSinkOptions, NativeChange, NativeLayerSink, UpperDirectory } from './native.ts';

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
export function completeLayer(target: string, lowers: readonly string[], gaps: LayerGaps): Promise<number> {
  return fromNative(() => native.completeLayer(target, lowers, gaps));
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
