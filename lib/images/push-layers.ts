import { join } from 'node:path';
import { openPacker, type PackerOptions } from '../../bindings/pack.ts';
import type { BlobStore } from '../content/index.ts';
import { EngineError, isEngineError } from '../errors/index.ts';
import { compressionOf, type Descriptor, type Digest, mediaTypes, parseDigest } from '../oci/index.ts';
import type { RemoteSink } from '../registry-client/index.ts';
import type { Scratch } from '../scratch/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import { findLayerSource, type LayerSource, layerSourceReader } from '../unpack/index.ts';
import type { ImageLayer } from './image.ts';
import type { MountSources } from './mount-sources.ts';
import type { PackedLayers } from './packed-layers.ts';
import type { BlobProgress, PushCompression, PushProgress } from './push-progress.ts';
import { Slots } from './slots.ts';

export interface PushLayerStores {
  readonly blobs: BlobStore;
  readonly snapshots: Snapshotter;
  readonly packed: PackedLayers;
}

export interface BlobPush {
  readonly sink: RemoteSink;
  readonly sources: MountSources;
  /** What every layer must be; undefined: as it is kept, and gzip where it is kept as a tar. */
  readonly compression: PushCompression | undefined;
  /** Where blobs are packed. */
  readonly scratch: Scratch;
  readonly signal: AbortSignal;
  readonly report: (progress: PushProgress) => void;
  /** Blobs sent at once. */
  readonly concurrency: number;
}

/** What is sent: bytes in a file, or a document at hand. */
type Sendable = { readonly descriptor: Descriptor; open(offset: number): AsyncIterable<Uint8Array> };

const layerTypes = {
  gzip: mediaTypes.ociLayerGzip,
  zstd: mediaTypes.ociLayerZstd,
  none: mediaTypes.ociLayer,
} as const;

/**
 * Makes the blobs of images present in a repository, each once: what it has is skipped, what another repository of the
 * registry has is mounted, the rest is sent, several at a time; one is packed at a time, since that takes every processor.
 */
export class BlobPusher {
  readonly #stores: PushLayerStores;
  readonly #push: BlobPush;
  readonly #slots: Slots;
  readonly #packing = new Slots(1);
  readonly #begun = new Map<Digest, Promise<Descriptor>>();

  constructor(stores: PushLayerStores, push: BlobPush) {
    this.#stores = stores;
    this.#push = push;
    this.#slots = new Slots(push.concurrency);
  }

  /** Answers the layer's descriptor in the repository: another than `layer.blob` when it had to be packed. */
  layer(layer: ImageLayer): Promise<Descriptor> {
    return this.#once(layer.blob, 'layer', (report) => this.#pushLayer(layer, report));
  }

  config(descriptor: Descriptor, bytes: Uint8Array): Promise<Descriptor> {
    return this.#once(descriptor, 'config', async (report) => {
      await this.#send({ descriptor, open: (offset) => once(bytes.subarray(offset)) }, report);
      return descriptor;
    });
  }

  #once(
    blob: Descriptor,
    kind: BlobProgress['kind'],
    work: (report: Report) => Promise<Descriptor>,
  ): Promise<Descriptor> {
    const begun = this.#begun.get(blob.digest);
    if (begun !== undefined) return begun;
    const index = this.#begun.size;
    const report: Report = (status, current, total = blob.size, from) =>
      this.#push.report({
        type: 'blob',
        digest: blob.digest,
        ...{ kind, index, status, current, total },
        ...(from && { from }),
      });
    report('waiting', 0);
    const pushing = this.#inSlot(this.#slots, () => work(report));
    this.#begun.set(blob.digest, pushing);
    return pushing;
  }

  async #pushLayer(layer: ImageLayer, report: Report): Promise<Descriptor> {
    const { compression, signal } = this.#push;
    const isKept = this.#staysAsItIs(layer);
    if (isKept && (await this.#exists(layer.blob, report))) return layer.blob;
    const source = await this.#find(layer, isKept);
    if (isKept && source.kind === 'blob') {
      const open = layerSourceReader(source, signal);
      await this.#send({ descriptor: layer.blob, open }, report, false);
      return layer.blob;
    }
    return this.#pushPacked(layer, source, compression ?? { format: 'gzip' }, report);
  }

  /** What it was packed into before may be there: then nothing is packed. */
  async #pushPacked(
    layer: ImageLayer,
    source: LayerSource,
    wanted: PushCompression,
    report: Report,
  ): Promise<Descriptor> {
    const { packed } = this.#stores;
    const known = await packed.find(layer.diffId, wanted);
    if (known !== undefined && (await this.#exists(known, report))) return known;
    report('packing', 0);
    const made = await this.#inSlot(this.#packing, () => this.#pack(layer, source, wanted));
    await packed.remember(layer.diffId, wanted, made.descriptor);
    await this.#send(made, report);
    return made.descriptor;
  }

  /** A registry's layer goes on as it is; one that was made here as a tar is compressed first. */
  #staysAsItIs({ blob }: ImageLayer): boolean {
    const { compression, sources } = this.#push;
    const format = compressionOf(blob.mediaType);
    if (compression !== undefined) return format === compression.format && compression.level === undefined;
    return format !== 'none' || sources.isKnown(blob.digest);
  }

  /** What cannot be found here may still be mounted: then it is missed when it is to be read. */
  async #find(layer: ImageLayer, isKept: boolean): Promise<LayerSource> {
    try {
      return await findLayerSource(layer, this.#stores);
    } catch (error) {
      const mayMount = isKept && this.#push.sources.of(layer.blob.digest).length > 0;
      if (!mayMount || !isEngineError(error, 'ERR_LAYER_BYTES_MISSING')) throw error;
      return { kind: 'blob', descriptor: layer.blob, path: this.#stores.blobs.path(layer.blob.digest) };
    }
  }

  async #pack(layer: ImageLayer, source: LayerSource, wanted: PushCompression): Promise<Sendable> {
    const { signal, scratch } = this.#push;
    const output = join(scratch.path, layer.diffId.slice('sha256:'.length));
    const packed = await packFile({ ...packing(source, wanted), output }, signal);
    if (packed.diffId !== layer.diffId) throw altered(layer, source, packed.diffId);
    const digest = parseDigest(packed.digest);
    const descriptor = { mediaType: layerTypes[wanted.format], digest, size: packed.size };
    const blob: LayerSource = { kind: 'blob', descriptor, path: output };
    return { descriptor, open: layerSourceReader(blob, signal) };
  }

  async #exists(descriptor: Descriptor, report: Report): Promise<boolean> {
    const { sink, signal } = this.#push;
    if (!(await sink.has(descriptor, { signal }))) return false;
    report('exists', descriptor.size, descriptor.size);
    return true;
  }

  async #send({ descriptor, open }: Sendable, report: Report, ask = true): Promise<void> {
    const { sink, sources, signal } = this.#push;
    if (ask && (await this.#exists(descriptor, report))) return;
    const mountFrom = sources.of(descriptor.digest);
    const { size } = descriptor;
    report('sending', 0, size);
    const done = await sink.putBlob(
      { descriptor, open },
      {
        ...{ mountFrom, signal },
        onProgress: (sent) => report('sending', sent, size),
        onRetry: () => report('retrying', 0, size),
      },
    );
    report(done, size, size, done === 'mounted' ? mountFrom : undefined);
  }

  async #inSlot<T>(slots: Slots, work: () => Promise<T>): Promise<T> {
    const slot = await slots.take(this.#push.signal);
    try {
      return await work();
    } finally {
      slot.release();
    }
  }
}

type Report = (
  status: BlobProgress['status'],
  current: number,
  total?: number,
  from?: readonly string[],
) => void;

function packing(source: LayerSource, { format, level }: PushCompression): Omit<PackerOptions, 'output'> {
  const inputCompression =
    source.kind === 'blob' ? (compressionOf(source.descriptor.mediaType) ?? 'none') : 'none';
  const options = { input: source.path, inputCompression, compression: format };
  return level === undefined ? options : { ...options, level };
}

async function packFile(options: PackerOptions, signal: AbortSignal) {
  signal.throwIfAborted();
  const packer = await openPacker(options);
  const stop = () => void packer.abort();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await packer.finish();
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function altered({ diffId }: ImageLayer, source: LayerSource, actual: string): EngineError {
  return new EngineError(
    'ERR_BLOB_DIGEST_MISMATCH',
    `the stored layer ${diffId} now has the digest ${actual}: the disk or a program has altered ${source.path}; remove the image and pull it again`,
    { details: { diffId, actual, path: source.path } },
  );
}
