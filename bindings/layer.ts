import { native } from './load.ts';
import type { LayerSinkOptions, NativeLayerSink } from './native.ts';

export type { LayerSinkOptions, NativeLayerSink } from './native.ts';

/** See NativeAddon.openLayerSink. */
export function openLayerSink(options: LayerSinkOptions): Promise<NativeLayerSink> {
  return native.openLayerSink(options);
}

/** See NativeAddon.adoptDirectories. */
export function adoptDirectories(
  target: string,
  lowers: readonly string[],
  paths: readonly string[],
): Promise<void> {
  return native.adoptDirectories(target, lowers, paths);
}
