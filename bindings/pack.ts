/** native/layer's packer as the library sees it: a layer's tar in, its compressed blob out. Failures are EngineErrors (errors.ts). */
import { fromNative } from './errors.ts';
import { native } from './load.ts';
import type { NativePacker, PackerOptions } from './native.ts';

export type { NativePacker, PackedLayer, PackerOptions } from './native.ts';

/** See NativeAddon.openPacker. */
export async function openPacker(options: PackerOptions): Promise<NativePacker> {
  const packer = await fromNative(() => native.openPacker(options));
  return {
    write: (chunk) => fromNative(() => packer.write(chunk)),
    finish: () => fromNative(() => packer.finish()),
    abort: () => fromNative(() => packer.abort()),
  };
}

/** Of all that decides which bytes a packer makes of the same tar. */
export function packerVersion(): string {
  const { zlib, isal, zstd } = native.versions;
  return [zlib, isal, zstd].join('-');
}
