/** native/layer as the library sees it: compressed bytes in, a layer's files out. Failures are EngineErrors (errors.ts). */
import { fromNative } from './errors.ts';
import { native } from './load.ts';
import type { LayerGaps, LayerSinkOptions, NativeLayerSink, NativeUserNamespace } from './native.ts';

export type { LayerGaps, LayerSinkOptions, NativeLayerSink } from './native.ts';

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
  lowers: readonly string[],
  gaps: LayerGaps,
  userNamespace: NativeUserNamespace | null = null,
): Promise<number> {
  return fromNative(() => native.completeLayer(target, lowers, gaps, userNamespace));
}
