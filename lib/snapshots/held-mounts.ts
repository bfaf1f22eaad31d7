import { statSync } from 'node:fs';
import { mountLayer, type NativeLayerMount } from '../../bindings/layer.ts';
import type { ErofsLayer, LayerRef } from '../mount/index.ts';

/** How long a mount is kept after its last use, in milliseconds. */
const idleTime = 30_000;
const mostMounts = 512;

interface Held {
  readonly mount: NativeLayerMount;
  /** Of the index: another file in its place is another layer. */
  readonly inode: bigint;
  used: number;
}

/** By the index's path, least recently used first. One for the process: engines of one root share them. */
const mounts = new Map<string, Held>();
let timer: NodeJS.Timeout | undefined;

/**
 * The layers, those that are EROFS with a mount that this process holds. Containers that are started from one mount share
 * its page cache, which two mounts of the same files would not, and none of them has to mount. What cannot be mounted here
 * stays as it is: whoever mounts it says why.
 */
export function holdMounts(layers: readonly LayerRef[]): LayerRef[] {
  return layers.map(holdMount);
}

/** The same for one. */
export function holdMount(layer: LayerRef): LayerRef {
  return 'index' in layer ? held(layer) : layer;
}

/** Lets go of those whose index is below one of the folders: what is removed there shall not take room any more. */
export function releaseMounts(folders: readonly string[]): void {
  for (const path of [...mounts.keys()])
    if (folders.some((folder) => path.startsWith(`${folder}/`))) release(path);
}

function held(layer: ErofsLayer): ErofsLayer {
  try {
    return { ...layer, held: { pid: process.pid, fd: mountOf(layer) } };
  } catch {
    return layer;
  }
}

function mountOf(layer: ErofsLayer): number {
  const inode = statSync(layer.index, { bigint: true }).ino;
  const known = mounts.get(layer.index);
  if (known?.inode === inode) return use(layer.index, known);
  release(layer.index);
  if (mounts.size >= mostMounts) release(mounts.keys().next().value ?? '');
  return use(layer.index, { mount: mountLayer(layer), inode, used: 0 });
}

function use(path: string, held: Held): number {
  mounts.delete(path);
  mounts.set(path, { ...held, used: performance.now() });
  timer ??= setInterval(releaseIdle, idleTime).unref();
  return held.mount.fd;
}

function releaseIdle(): void {
  const before = performance.now() - idleTime;
  for (const [path, { used }] of mounts) if (used <= before) release(path);
  if (mounts.size > 0) return;
  clearInterval(timer);
  timer = undefined;
}

function release(path: string): void {
  mounts.get(path)?.mount.close();
  mounts.delete(path);
}
