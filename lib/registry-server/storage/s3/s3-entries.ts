import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { EngineError } from '../../../errors/index.ts';
import { refused, type S3Answer, type S3Client } from './s3-client.ts';

/** What an entry says of itself, in its first line. */
export interface EntryHeader {
  /** When it was last needed: milliseconds of the epoch. */
  readonly needed: number;
  /** bytes of the object that it stands for */
  readonly size: number;
  /** The key of the object's bytes; without it they follow the first line. */
  readonly data?: string;
  /** It is being removed: for everybody else there is none. */
  readonly gone?: true;
}

export interface Entry {
  readonly header: EntryHeader;
  readonly bytes: Buffer;
  /** Another one each time that the entry is written. */
  readonly etag: string;
  /** Seconds since it was written, by the store's own clock. */
  readonly age: number;
}

/** What must hold for a write to be one: that there is no entry, or that it is still the one that was read. */
export type Condition = { readonly absent: true } | { readonly etag: string };

/** How the store is told what an ETag must be; `alone`: it cannot be told. */
export type Comparison = 'quoted' | 'bare' | 'alone';

/** Seconds after which a removal that somebody began is taken to be given up. */
const abandoned = 60;
/** Milliseconds from the beginning of a removal after which it deletes nothing any more: far less than that. */
const removalTime = 10_000;

/**
 * Small objects of a bucket that are changed by compare-and-swap (PUT with If-Match and If-None-Match), so that any number of
 * replicas may change the same ones: decision 035. Each begins with a line of JSON that has a random part, because an S3 ETag
 * is of the bytes alone.
 *
 * A store that has no conditional writes is used `alone`: then this process compares itself, and must be the only one.
 */
export class S3Entries {
  readonly #client: S3Client;
  readonly #comparison: Comparison;
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(client: S3Client, comparison: Comparison) {
    this.#client = client;
    this.#comparison = comparison;
  }

  async get(key: string): Promise<Entry | undefined> {
    const answer = await this.#client.send('GET', key, { accept: [404] });
    if (answer.status === 404) return undefined;
    const end = answer.body.indexOf(10);
    const age =
      Date.parse(answer.headers.get('date') ?? '') - Date.parse(answer.headers.get('last-modified') ?? '');
    return {
      header: JSON.parse(answer.body.subarray(0, end).toString()) as EntryHeader,
      bytes: answer.body.subarray(end + 1),
      etag: answer.headers.get('etag') ?? '',
      age: Number.isNaN(age) ? 0 : age / 1000,
    };
  }

  /** Answers the new ETag; undefined: the condition did not hold, and nothing was written. */
  async put(
    key: string,
    header: EntryHeader,
    bytes: Uint8Array | string,
    condition: Condition,
  ): Promise<string | undefined> {
    const id = randomBytes(9).toString('base64url');
    const body = Buffer.concat([Buffer.from(`${JSON.stringify({ id, ...header })}\n`), Buffer.from(bytes)]);
    if (this.#comparison !== 'alone') return this.#putIf(key, id, body, condition);
    return this.#inTurn(key, async () => {
      const current = await this.get(key);
      const holds = 'etag' in condition ? current?.etag === condition.etag : current === undefined;
      if (!holds) return undefined;
      return etagOf(await this.#client.send('PUT', key, { body }));
    });
  }

  /** Takes an entry away that nobody but its writer may change. */
  async delete(key: string): Promise<void> {
    await this.#inTurn(key, () => this.#client.send('DELETE', key, { accept: [404] }));
  }

  /**
   * Takes an entry and its bytes away, if it is still the one that was read. First it becomes one that is `gone`: that is when
   * it is decided. Then it is deleted, while nobody takes its place: whoever would waits for that, or so long that a deletion
   * which was begun has either been done or will not be. False: it is another by now.
   */
  async remove(key: string, { header, etag }: Entry): Promise<boolean> {
    const began = performance.now();
    const gone: EntryHeader = { ...header, size: 0, gone: true };
    const marked = await this.put(key, gone, '', { etag });
    if (marked === undefined) return false;
    if (header.data !== undefined) await this.#client.send('DELETE', header.data, { accept: [404] });
    const left = removalTime - (performance.now() - began);
    // A store that knows it compares once more; the next collection does what is not done.
    const headers = this.#match(marked);
    if (left > 0)
      await this.#inTurn(key, () =>
        this.#client.send('DELETE', key, { timeout: left, attempts: 1, headers, accept: [404, 412] }),
      ).catch(ignore);
    return true;
  }

  /** The entry that counts: one that is gone is waited for, and then there is none; one that stays is to be replaced. */
  async settled(key: string): Promise<Entry | undefined> {
    for (;;) {
      const entry = await this.get(key);
      if (!entry?.header.gone || entry.age > abandoned) return entry;
      await delay(10 + Math.random() * 40);
    }
  }

  async #putIf(key: string, id: string, body: Buffer, condition: Condition): Promise<string | undefined> {
    const headers: Record<string, string> =
      'etag' in condition ? this.#match(condition.etag) : { 'if-none-match': '*' };
    const answer = await this.#client.send('PUT', key, { body, headers, accept: [404, 412] });
    if (answer.status < 300) return etagOf(answer);
    // Perhaps an attempt of which no answer came has done it.
    if (answer.attempts === 1) return undefined;
    const current = await this.#client.send('GET', key, { accept: [404] });
    const isMine = current.body.subarray(0, 200).includes(`"id":"${id}"`);
    return current.status < 300 && isMine ? etagOf(current) : undefined;
  }

  #match(etag: string): Record<string, string> {
    return { 'if-match': this.#comparison === 'bare' ? etag.replace(/^"|"$/g, '') : etag };
  }

  /** One after the other, in this process. */
  async #inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    if (this.#comparison !== 'alone') return work();
    const mine = (this.#running.get(key) ?? Promise.resolve()).then(work);
    const ended = mine.then(ignore, ignore);
    this.#running.set(key, ended);
    try {
      return await mine;
    } finally {
      if (this.#running.get(key) === ended) this.#running.delete(key);
    }
  }
}

/**
 * How a store compares: with an ETag as it says it, in quotes, or without them (Ceph before version 18). Tried on an object
 * that is removed again. ERR_OBJECT_STORE_UNSUITABLE: it does not, and replicas would overwrite what others wrote.
 */
export async function findComparison(client: S3Client, key: string): Promise<Comparison> {
  try {
    for (const comparison of ['quoted', 'bare'] as const)
      if (await compares(new S3Entries(client, comparison), key)) return comparison;
  } catch (error) {
    const { status } = ((error as EngineError).details ?? {}) as { status?: number };
    if (status !== 501 && status !== 400) throw error;
  } finally {
    await client.send('DELETE', key, { accept: [404] });
  }
  const { endpoint } = client.location;
  throw new EngineError(
    'ERR_OBJECT_STORE_UNSUITABLE',
    `${endpoint} does not keep If-None-Match and If-Match of a PUT, so that replicas would overwrite each other's writes: add alone=true to the storage's URL, and let one process serve it`,
    { details: { endpoint } },
  );
}

async function compares(entries: S3Entries, key: string): Promise<boolean> {
  const header = { needed: Date.now(), size: 0 };
  await entries.delete(key);
  const first = await entries.put(key, header, '', { absent: true });
  if (first === undefined || (await entries.put(key, header, '', { absent: true })) !== undefined)
    return false;
  const second = await entries.put(key, header, '', { etag: first });
  return second !== undefined && (await entries.put(key, header, '', { etag: first })) === undefined;
}

function etagOf(answer: S3Answer): string {
  const etag = answer.headers.get('etag');
  if (etag === null) throw refused('PUT', answer.status, 'no ETag');
  return etag;
}

function ignore(): void {}
