import {
  type Algorithm,
  type ContentDigest,
  createHashOf,
  digestOfBody,
  type RunningDigest,
} from './content-digest.ts';
import type { RegistryStorage } from './storage/registry-storage.ts';

/** Uploads whose digest is kept running at once; of others it is read from what has arrived. */
const most = 1000;

/**
 * sha256 of uploads while they arrive. What this process has not seen from its first byte on (another received a part, or it
 * was started anew), and every sha512, is read again from the storage when it is asked for.
 */
export class UploadHashes {
  readonly #running = new Map<string, { readonly hash: RunningDigest; size: number }>();

  /** Passes an upload's next bytes, which begin at `offset`, through the hash. */
  async *feed(id: string, offset: number, body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    const running = this.#at(id, offset);
    for await (const chunk of body) {
      running?.hash.update(chunk);
      if (running) running.size += chunk.length;
      yield chunk;
    }
  }

  /** Of all that has arrived of an upload, which are `size` bytes. */
  async digest(
    storage: RegistryStorage,
    id: string,
    size: number,
    algorithm: Algorithm,
  ): Promise<ContentDigest | undefined> {
    const running = this.#running.get(id);
    if (algorithm === 'sha256' && running?.size === size) return running.hash.digest() as ContentDigest;
    const body = await storage.uploads.open(id);
    return body && digestOfBody(body, algorithm, storage.uploads.path?.(id));
  }

  forget(id: string): void {
    this.#running.delete(id);
  }

  #at(id: string, offset: number) {
    if (offset === 0) {
      const [oldest] = this.#running.keys();
      if (this.#running.size >= most && oldest !== undefined) this.#running.delete(oldest);
      this.#running.set(id, { hash: createHashOf('sha256'), size: 0 });
    }
    const running = this.#running.get(id);
    if (running?.size === offset) return running;
    this.#running.delete(id);
    return undefined;
  }
}
