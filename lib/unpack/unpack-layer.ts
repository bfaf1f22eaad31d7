import { rm, stat } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { hashFile } from '../../bindings/hash.ts';
import { type NativeLayerSink, openLayerSink } from '../../bindings/layer.ts';
import { type ContentSource, sizeMismatch } from '../content/index.ts';
import { type ErrorCode, isEngineError } from '../errors/index.ts';
import { type Compression, type Descriptor, type Digest, digestHex } from '../oci/index.ts';
import type { LayerIngest, Snapshotter, StagedLayer } from '../snapshots/index.ts';
import { layerCompression } from './layer-compression.ts';

/** Bounds for what one layer may unpack to; past either it is ERR_LAYER_TOO_LARGE. */
export interface LayerLimits {
  readonly maxBytes: number;
  readonly maxEntries: number;
}

export interface LayerToUnpack {
  readonly blob: Descriptor;
  readonly diffId: Digest;
  readonly chainId: Digest;
}

export interface UnpackOptions {
  readonly source: ContentSource;
  readonly snapshotter: Snapshotter;
  /** File for the compressed bytes; the caller has it to himself. What it holds already is not fetched again. */
  readonly partial: string;
  readonly limits: LayerLimits;
  readonly signal: AbortSignal;
  /** `received`: compressed bytes so far. `unpacking`: all have arrived. */
  readonly onProgress: (status: 'downloading' | 'retrying' | 'unpacking', received: number) => void;
}

/** A layer that is unpacked and verified, and that nobody sees yet. Disposal without commit() removes it. */
export interface UnpackedLayer extends AsyncDisposable {
  /** Once its parent is committed or staged. */
  stage(parent: Digest | null): Promise<void>;
  /** After stage(): makes it power-loss-safe and names it, after its parent. */
  commit(): Promise<void>;
}

/** How often in a row a download may be cut off without a single byte in between. */
const maxIdleCuts = 5;

/** Failures that say that the bytes are wrong, and not that they could not be had. */
const wrongBytes: ReadonlySet<ErrorCode> = new Set([
  'ERR_BLOB_SIZE_MISMATCH',
  'ERR_BLOB_DIGEST_MISMATCH',
  'ERR_LAYER_DIFF_ID_MISMATCH',
  'ERR_LAYER_CORRUPT',
  'ERR_LAYER_UNSAFE',
  'ERR_LAYER_TOO_LARGE',
]);

/** Those for which whoever sent the bytes is to blame in any case. */
const falseBytes: ReadonlySet<ErrorCode> = new Set(['ERR_BLOB_SIZE_MISMATCH', 'ERR_BLOB_DIGEST_MISMATCH']);

/**
 * Fetches a layer and unpacks it while it arrives: every byte goes to the partial file and through the native pipeline.
 * Bytes that stand in a file of this machine are read there, and the partial file is not touched.
 * A cut download goes on where it stopped. Bytes that turn out wrong are thrown away; if they were put together from
 * several downloads the layer is fetched once more from the start, and if its sender is to blame, from another one.
 * Afterwards the partial file holds the verified blob, or, when the layer could not be had (cut off, aborted, disk full),
 * what has arrived.
 * ERR_LAYER_*, ERR_BLOB_*, ERR_REGISTRY_*, ERR_DOWNLOAD_INTERRUPTED, ERR_MEDIA_TYPE_UNSUPPORTED, ERR_ABORTED, and system
 * errors of the disk.
 */
export async function unpackLayer(layer: LayerToUnpack, options: UnpackOptions): Promise<UnpackedLayer> {
  const compression = layerCompression(layer.blob);
  let restarted = false;
  for (let failure: unknown; ; ) {
    const attempt = new Attempt(layer, compression, options);
    try {
      return await attempt.run();
    } catch (error) {
      if (!hasCode(error, wrongBytes)) throw error;
      failure ??= error;
      const again = attempt.pieced ? !restarted : await attempt.blame(error);
      await rm(options.partial, { force: true });
      if (!again) throw failure;
      restarted ||= attempt.pieced;
    }
  }
}

/** One passage of a layer through the pipeline, into an ingest of its own. */
class Attempt {
  /** Whether the bytes came from several downloads. */
  pieced = false;
  readonly #layer: LayerToUnpack;
  readonly #compression: Compression;
  readonly #options: UnpackOptions;
  #origin: string | undefined;
  #received = 0;

  constructor(layer: LayerToUnpack, compression: Compression, options: UnpackOptions) {
    this.#layer = layer;
    this.#compression = compression;
    this.#options = options;
  }

  async run(): Promise<UnpackedLayer> {
    const ingest = await this.#options.snapshotter.ingest(this.#layer.chainId);
    try {
      const { implied, links, whiteouts, bytes, index } = await this.#fill(ingest);
      const { diffId } = this.#layer;
      return unpacked(ingest, { diffId, gaps: { implied, links, whiteouts }, bytes, index });
    } catch (error) {
      await ingest[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Passes over whoever sent false bytes from now on; false: there is nobody to blame. */
  async blame(error: unknown): Promise<boolean> {
    const { source } = this.#options;
    if (this.#origin === undefined || !source.distrust || !(await this.#isFalse(error))) return false;
    source.distrust(this.#origin);
    return true;
  }

  /** A layer that is corrupt is so by its sender's doing unless its bytes are those that the image names. */
  async #isFalse(error: unknown): Promise<boolean> {
    const { partial } = this.#options;
    const { digest, size } = this.#layer.blob;
    if (!isEngineError(error, 'ERR_LAYER_CORRUPT')) return hasCode(error, falseBytes);
    if ((await stat(partial)).size !== size) return true;
    return (await hashFile(partial)) !== digestHex(digest);
  }

  async #fill(ingest: LayerIngest) {
    const { blob, diffId } = this.#layer;
    const { source, partial, limits, signal, onProgress } = this.#options;
    signal.throwIfAborted();
    const stored = source.locate?.(blob);
    const sink = await openLayerSink({
      ...(stored ? { partial: stored.path, stored: stored.offset } : { partial }),
      size: blob.size,
      digest: blob.digest,
      compression: this.#compression,
      diffId,
      target: ingest.target,
      userNamespace: ingest.userNamespace,
      limits,
    });
    try {
      this.#received = sink.offset;
      this.pieced = stored === undefined && sink.offset > 0;
      await this.#download(sink);
      onProgress('unpacking', this.#received);
      return await raceAbort(sink.finish(), signal);
    } catch (error) {
      await sink.abort();
      throw error;
    }
  }

  async #download(sink: NativeLayerSink): Promise<void> {
    const { size } = this.#layer.blob;
    for (let idleCuts = 0; this.#received < size; ) {
      const before = this.#received;
      this.#options.onProgress('downloading', before);
      const cut = await this.#downloadOnce(sink);
      if (this.#received === size) return;
      idleCuts = this.#received > before ? 1 : idleCuts + 1;
      if (idleCuts > maxIdleCuts) throw cut ?? sizeMismatch(this.#layer.blob, this.#received);
      this.pieced ||= this.#received > 0;
      this.#options.onProgress('retrying', this.#received);
      await delay(100 * 2 ** idleCuts, undefined, { signal: this.#options.signal });
    }
  }

  /** Takes what one request brings. Answers what cut it off. */
  async #downloadOnce(sink: NativeLayerSink): Promise<unknown> {
    const { blob } = this.#layer;
    const { source, signal, onProgress } = this.#options;
    const body = await source.fetch(blob, { offset: this.#received, signal });
    this.#origin = body.origin;
    try {
      for await (const chunk of body) {
        if (this.#received + chunk.length > blob.size)
          throw sizeMismatch(blob, this.#received + chunk.length);
        await sink.write(chunk);
        this.#received += chunk.length;
        onProgress('downloading', this.#received);
      }
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (isEngineError(error, 'ERR_DOWNLOAD_INTERRUPTED')) return error;
      throw error;
    }
  }
}

function unpacked(ingest: LayerIngest, layer: Omit<StagedLayer, 'parent'>): UnpackedLayer {
  return {
    stage: (parent) => ingest.stage({ ...layer, parent }),
    commit: () => ingest.commit(),
    [Symbol.asyncDispose]: () => ingest[Symbol.asyncDispose](),
  };
}

function hasCode(error: unknown, codes: ReadonlySet<ErrorCode>): boolean {
  return isEngineError(error) && codes.has(error.code);
}

/** Does not wait for work that cannot be called back. */
function raceAbort<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
