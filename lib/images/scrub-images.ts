import { stat } from 'node:fs/promises';
import { hashFile } from '../../bindings/hash.ts';
import type { BlobStore } from '../content/index.ts';
import { EngineError, isEngineError } from '../errors/index.ts';
import { type Digest, digestHex } from '../oci/index.ts';
import type { LayerVerdict, Snapshotter } from '../snapshots/index.ts';
import { type LayerLimits, refillLayer } from '../unpack/index.ts';
import type { ImageLayer } from './image.ts';
import type { ImageLoader } from './image-loader.ts';
import type { ImageName, NameStore } from './name-store.ts';
import type { ScrubbedPart, ScrubProblem, ScrubReport, ScrubStep } from './scrub-report.ts';

/** What a scrub takes from the rest of the engine. */
export interface ScrubStores {
  readonly names: NameStore;
  readonly blobs: BlobStore;
  readonly snapshots: Snapshotter;
  readonly loader: ImageLoader;
  readonly limits: LayerLimits;
}

/** How a scrub is run. */
export interface ScrubContext {
  readonly signal?: AbortSignal | undefined;
  readonly onStep?: ((step: ScrubStep) => void) | undefined;
}

/** See Images.scrub: looks, and changes nothing. */
export async function scrubImages(
  stores: ScrubStores,
  context: ScrubContext = {},
): Promise<Omit<ScrubReport, 'repairs'>> {
  return await new Scrub(stores, context, await stores.names.list()).run();
}

/** Blobs first: a layer that was unpacked is compared with its blob. One after the other: the disk is what limits it. */
class Scrub {
  readonly #stores: ScrubStores;
  readonly #context: ScrubContext;
  readonly #names: readonly ImageName[];
  readonly #problems: ScrubProblem[] = [];
  readonly #parents = new Map<Digest, Digest | null>();
  #unverified = 0;

  constructor(stores: ScrubStores, context: ScrubContext, names: readonly ImageName[]) {
    this.#stores = stores;
    this.#context = context;
    this.#names = names;
  }

  async run(): Promise<Omit<ScrubReport, 'repairs'>> {
    const blobs = (await this.#stores.blobs.list()).map((digest) => ({ kind: 'blob', digest }) as const);
    for (const { chainId, parent } of await this.#stores.snapshots.list()) this.#parents.set(chainId, parent);
    const layers = [...this.#parents.keys()].map((digest) => ({ kind: 'layer', digest }) as const);
    const parts: ScrubbedPart[] = [...blobs, ...layers];
    for (const [at, part] of parts.entries()) {
      throwIfAborted(this.#context.signal);
      const complaint = await this.#complaintOf(part);
      if (complaint !== null) this.#report(part, complaint);
      this.#context.onStep?.({ ...part, done: at + 1, total: parts.length, corrupt: complaint !== null });
    }
    await this.#reportMissing();
    await this.#reportUnreadable();
    return {
      blobs: blobs.length,
      layers: layers.length,
      unverified: this.#unverified,
      problems: this.#problems,
    };
  }

  #report(part: ScrubbedPart, complaint: string): void {
    const images = this.#names.filter((name) => has(name, part)).map(({ reference }) => reference);
    this.#problems.push({ ...part, complaint, images });
  }

  async #complaintOf(part: ScrubbedPart): Promise<string | null> {
    if (part.kind === 'blob') return await blobComplaint(this.#stores.blobs, part.digest);
    const verdict = this.#isGrounded(part.digest)
      ? await this.#verifyLayer(part.digest)
      : ({ state: 'unknown' } as const);
    if (verdict.state === 'unknown') this.#unverified += 1;
    return verdict.state === 'corrupt' ? verdict.complaint : null;
  }

  /** What a layer is depends on those below, all of which must be there. */
  #isGrounded(chainId: Digest): boolean {
    for (let next: Digest | null = chainId; next !== null; ) {
      const parent: Digest | null | undefined = this.#parents.get(next);
      if (parent === undefined) return false;
      next = parent;
    }
    return true;
  }

  /** A layer that is removed meanwhile is no problem; one that cannot be read is. */
  async #verifyLayer(chainId: Digest): Promise<LayerVerdict> {
    const { snapshots, blobs, limits } = this.#stores;
    const layer = await this.#withBlob(chainId);
    const again =
      layer &&
      ((ingest: Parameters<typeof refillLayer>[1]['ingest']) =>
        refillLayer(layer, { path: blobs.path(layer.blob.digest), ingest, limits }));
    try {
      return await snapshots.verify(chainId, again);
    } catch (error) {
      if (isEngineError(error, 'ERR_LAYER_NOT_FOUND')) return { state: 'intact' };
      if (!isEngineError(error) || error.kind === 'exhausted' || error.kind === 'aborted') throw error;
      return { state: 'corrupt', complaint: `it cannot be read: ${error.message}` };
    }
  }

  /** The layer as an image names it, if its blob is here, and whole. */
  async #withBlob(chainId: Digest): Promise<ImageLayer | undefined> {
    for (const name of this.#names.filter(({ chainIds }) => chainIds.includes(chainId))) {
      const image = await this.#stores.loader.load(name).catch(() => undefined); // a corrupt document is reported
      const layer = image?.layers.find((one) => one.chainId === chainId);
      if (layer && this.#stores.blobs.has(layer.blob.digest) && !this.#isReported(layer.blob.digest))
        return layer;
    }
    return undefined;
  }

  #isReported(blob: Digest): boolean {
    return this.#problems.some(({ kind, digest }) => kind === 'blob' && digest === blob);
  }

  /** Layers that are there and of which the store does not know what they are. */
  async #reportUnreadable(): Promise<void> {
    const chainIds = new Set(this.#names.flatMap((name) => name.chainIds));
    for (const digest of chainIds) {
      if (this.#parents.has(digest)) continue;
      await this.#stores.snapshots.stat(digest).catch((error: unknown) => {
        if (!isEngineError(error, 'ERR_LAYER_CORRUPT')) return;
        this.#report({ kind: 'layer', digest }, 'its record is damaged');
      });
    }
  }

  /** What a name stands for is there, all of it. */
  async #reportMissing(): Promise<void> {
    const { blobs, snapshots, names } = this.#stores;
    const reported = new Set(this.#problems.map(partKey));
    for (const name of this.#names) {
      const missing: ScrubbedPart[] = [
        ...name.blobs
          .filter((digest) => !blobs.has(digest))
          .map((digest) => ({ kind: 'blob', digest }) as const),
      ];
      for (const digest of name.chainIds)
        if (!(await snapshots.has(digest))) missing.push({ kind: 'layer', digest });
      const isRemoved = missing.length > 0 && (await names.read(name.reference)) === undefined;
      for (const part of isRemoved ? [] : missing) {
        if (!reported.has(partKey(part))) this.#report(part, 'it is missing');
        reported.add(partKey(part));
      }
    }
  }
}

function has({ chainIds, blobs }: ImageName, { kind, digest }: ScrubbedPart): boolean {
  return (kind === 'layer' ? chainIds : blobs).includes(digest);
}

function partKey({ kind, digest }: ScrubbedPart): string {
  return `${kind} ${digest}`;
}

/** null: its bytes are those that it is named by, or it has been removed meanwhile. */
async function blobComplaint(blobs: BlobStore, digest: Digest): Promise<string | null> {
  const path = blobs.path(digest);
  try {
    const actual = await hashFile(path);
    return actual === digestHex(digest) ? null : `its bytes have the digest sha256:${actual}`;
  } catch (error) {
    const isThere = await stat(path).then(
      () => true,
      () => false,
    );
    return isThere ? `it cannot be read: ${(error as Error).message}` : null;
  }
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new EngineError('ERR_ABORTED', 'the scrub was aborted', { cause: signal.reason });
}
