import { randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { EngineError } from '../../../errors/index.ts';
import type { ObjectStatus, RegistryStorage } from '../registry-storage.ts';
import { S3Client } from './s3-client.ts';
import { type Entry, findComparison, S3Entries } from './s3-entries.ts';
import { withLease } from './s3-lease.ts';
import { listS3 } from './s3-list.ts';
import type { S3Choices, S3Location } from './s3-location.ts';
import { S3Uploads } from './s3-uploads.ts';

export interface S3Options extends S3Location, Partial<S3Choices> {
  /** Milliseconds by which the clocks of replicas may differ: what was needed so lately is not removed. 5000 by default. */
  readonly clockSkew?: number;
  /** Bytes of the first chunks in which uploads are kept: 8 MiB by default, and at least 5 MiB where the store is real. */
  readonly chunkSize?: number;
}

/**
 * A storage in a bucket of an S3-compatible store, for any number of replicas (decision 035):
 *
 *     objects/KEY          entries: a small object's bytes, or where a large one's are
 *     data/UPLOAD/NAME     bytes of uploads in the making, and of large objects; each name is written once
 *     uploads/UPLOAD       records of uploads
 *     locks/NAME           leases
 *
 * Throws ERR_OBJECT_STORE when the store does not answer, ERR_OBJECT_STORE_UNSUITABLE when it cannot do what is needed, or when
 * this machine's clock is another than the store's by more than `clockSkew`.
 */
export async function openS3Storage(options: S3Options): Promise<RegistryStorage> {
  const { alone = false, clockSkew = 5000 } = options;
  const client = new S3Client(options);
  await requireClock(client, Math.max(clockSkew, 2000));
  const comparison = alone ? 'alone' : await findComparison(client, `${options.prefix}locks/${randomUUID()}`);
  return new S3Storage(client, new S3Entries(client, comparison), { ...options, clockSkew });
}

class S3Storage implements RegistryStorage {
  readonly #client: S3Client;
  readonly #entries: S3Entries;
  readonly #prefix: string;
  readonly #clockSkew: number;
  readonly #redirect: boolean;
  readonly uploads: S3Uploads;

  constructor(client: S3Client, entries: S3Entries, options: S3Options & { readonly clockSkew: number }) {
    const { prefix, clockSkew, redirect = false, chunkSize } = options;
    this.#client = client;
    this.#entries = entries;
    this.#prefix = prefix;
    this.#clockSkew = clockSkew;
    this.#redirect = redirect;
    const place = (key: string) => this.#at(key);
    this.uploads = new S3Uploads(client, entries, { prefix, place, ...(chunkSize && { chunkSize }) });
  }

  async read(key: string): Promise<Buffer | undefined> {
    const found = await this.#find(key);
    if (found?.header.data === undefined) return found?.bytes;
    const body = await this.open(key);
    return body && buffer(body);
  }

  async write(key: string, bytes: Uint8Array | string): Promise<void> {
    while (!(await this.create(key, bytes))) {
      const current = await this.#entries.settled(this.#at(key));
      if (current === undefined) continue;
      const header = { needed: Date.now(), size: Buffer.byteLength(bytes) };
      const written = await this.#entries.put(this.#at(key), header, bytes, { etag: current.etag });
      if (written === undefined) continue;
      const { data } = current.header;
      if (data !== undefined) await this.#client.send('DELETE', data, { accept: [404] });
      return;
    }
  }

  async create(key: string, bytes: Uint8Array | string): Promise<boolean> {
    const at = this.#at(key);
    const put = (condition: Parameters<S3Entries['put']>[3]) =>
      this.#entries.put(at, { needed: Date.now(), size: Buffer.byteLength(bytes) }, bytes, condition);
    for (;;) {
      if ((await put({ absent: true })) !== undefined) return true;
      const current = await this.#entries.settled(at);
      if (current !== undefined && !current.header.gone) return false;
      if (current?.header.gone && (await put({ etag: current.etag })) !== undefined) return true;
    }
  }

  async stat(key: string): Promise<ObjectStatus | undefined> {
    const found = await this.#find(key);
    return found && { size: found.header.size, needed: found.header.needed };
  }

  async open(
    key: string,
    range?: { readonly start: number; readonly end: number },
  ): Promise<Readable | undefined> {
    // Bytes may be replaced by the same ones, under another name, between the two questions.
    for (let attempt = 0; attempt < 5; attempt++) {
      const found = await this.#find(key);
      if (found === undefined) return undefined;
      const { data } = found.header;
      if (data === undefined)
        return Readable.from([range ? found.bytes.subarray(range.start, range.end + 1) : found.bytes]);
      const body = await this.#client.stream(data, range);
      if (body !== undefined) return body;
    }
    return undefined;
  }

  async url(key: string, seconds: number): Promise<string | undefined> {
    const data = this.#redirect ? (await this.#find(key))?.header.data : undefined;
    return data && this.#client.presign(data, seconds);
  }

  async touch(key: string): Promise<boolean> {
    const now = Date.now();
    for (;;) {
      const found = await this.#find(key);
      if (found === undefined) return false;
      // Somebody else's touch, since this began, says as much.
      if (found.header.needed > now) return true;
      const header = { ...found.header, needed: Date.now() };
      if ((await this.#entries.put(this.#at(key), header, found.bytes, found)) !== undefined) return true;
    }
  }

  async remove(key: string): Promise<boolean> {
    for (;;) {
      const found = await this.#find(key);
      if (found === undefined) return false;
      if (await this.#entries.remove(this.#at(key), found)) return true;
    }
  }

  async removeUnneeded(key: string, since: number): Promise<boolean> {
    for (;;) {
      const found = await this.#entries.get(this.#at(key));
      if (found === undefined) return true;
      if (!found.header.gone && found.header.needed >= since - this.#clockSkew) return false;
      if (await this.#entries.remove(this.#at(key), found)) return true;
    }
  }

  /** Objects come in order over pages; a folder may be missing from one, if it has a name that begins another. */
  async list(
    folder: string,
    options: { readonly after?: string; readonly limit?: number } = {},
  ): Promise<string[]> {
    const { after = '', limit } = options;
    const { objects, folders } = await listS3(this.#client, this.#at(folder), options);
    return [...new Set([...objects, ...folders])]
      .filter((name) => name > after)
      .sort()
      .slice(0, limit);
  }

  exclusively<T>(name: string, work: () => Promise<T>): Promise<T | undefined> {
    return withLease(this.#entries, `${this.#prefix}locks/${name}`, work);
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  async #find(key: string): Promise<Entry | undefined> {
    const found = await this.#entries.get(this.#at(key));
    return found?.header.gone ? undefined : found;
  }

  #at(key: string): string {
    return `${this.#prefix}objects/${key}`;
  }
}

/** What was needed when is compared between replicas, so their clocks must agree: each with the store's. */
async function requireClock(client: S3Client, most: number): Promise<void> {
  const { headers } = await client.send('GET', '', { query: { 'list-type': '2', 'max-keys': '1' } });
  const difference = Date.now() - Date.parse(headers.get('date') ?? '');
  // The store says whole seconds.
  if (Number.isNaN(difference) || Math.abs(difference) <= most + 1000) return;
  throw new EngineError(
    'ERR_OBJECT_STORE_UNSUITABLE',
    `this machine's clock is ${Math.round(difference / 1000)} s from the store's: set it (NTP), or replicas remove what another needs`,
    { details: { difference } },
  );
}
