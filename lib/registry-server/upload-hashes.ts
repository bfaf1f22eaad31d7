import {
  type Algorithm,
  type ContentDigest,
  createHashOf,
  digestOfBody,
  type RunningDigest,
  resumeSha256,
} from './content-digest.ts';
import type { RegistryStorage } from './storage/registry-storage.ts';

/** Uploads whose digest is kept running at once; of others it is read from what has arrived. */
const most = 1000;

interface Running {
  readonly hash: RunningDigest;
  size: number;
}

/**
 * sha256 of uploads while they arrive. What another process has received is gone on from its note, where the storage keeps
 * notes; what nobody has noted, and every sha512, is read again from the storage when it is asked for.
 */
export class UploadHashes {
  readonly #running = new Map<string, Running>();

  /** Passes an upload's next bytes, which begin at `offset`, through the hash. `note`: of what came before. */
  async *feed(
    id: string,
    offset: number,
    body: AsyncIterable<Uint8Array>,
    note?: string,
  ): AsyncGenerator<Uint8Array> {
    const running = this.#at(id, offset, note);
    for await (const chunk of body) {
      running?.hash.update(chunk);
      if (running) running.size += chunk.length;
      yield chunk;
    }
  }

  /** What another process needs to go on with an upload's hash. */
  noteOf(id: string): string | undefined {
    const running = this.#running.get(id);
    const saved = running?.hash.save?.();
    return saved && JSON.stringify({ size: running?.size, sha256: saved.toString('base64') });
  }

  /** Of all that has arrived of an upload, which are `size` bytes. */
  async digest(
    storage: RegistryStorage,
    id: string,
    { size, note }: { readonly size: number; readonly note?: string },
    algorithm: Algorithm,
  ): Promise<ContentDigest | undefined> {
    if (algorithm === 'sha256') {
      const known = this.#running.get(id);
      const running = known?.size === size ? known : noted(note, size);
      if (running !== undefined) return running.hash.digest() as ContentDigest;
    }
    const body = await storage.uploads.open(id);
    return body && digestOfBody(body, algorithm, storage.uploads.path?.(id));
  }

  forget(id: string): void {
    this.#running.delete(id);
  }

  #at(id: string, offset: number, note: string | undefined): Running | undefined {
    const known = this.#running.get(id);
    if (offset > 0 && known?.size === offset) return known;
    this.#running.delete(id);
    const begun = offset === 0 ? { hash: createHashOf('sha256'), size: 0 } : noted(note, offset);
    if (begun === undefined) return undefined;
    const [oldest] = this.#running.keys();
    if (this.#running.size >= most && oldest !== undefined) this.#running.delete(oldest);
    this.#running.set(id, begun);
    return begun;
  }
}

/** Undefined for a note of other bytes, or of another version of this program. */
function noted(note: string | undefined, size: number): Running | undefined {
  try {
    const read = JSON.parse(note ?? '{}') as { size?: number; sha256?: string };
    if (read.size !== size || read.sha256 === undefined) return undefined;
    return { hash: resumeSha256(Buffer.from(read.sha256, 'base64')), size };
  } catch {
    return undefined;
  }
}
