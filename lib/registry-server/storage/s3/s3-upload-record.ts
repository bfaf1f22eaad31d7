import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { uploadBusy, uploadMissing } from '../upload-errors.ts';
import type { S3Entries } from './s3-entries.ts';

/** An object that holds the next bytes of an upload. */
export interface Chunk {
  readonly key: string;
  /** bytes */
  readonly size: number;
}

/** What is known of an upload: `uploads/ID`. */
export interface UploadRecord {
  readonly about: string;
  readonly chunks: readonly Chunk[];
  /** What its last writer wants the next to know. */
  readonly note?: string;
  /** Who writes to it; he is dead when he does not say so again. */
  readonly holder?: string;
  /** What it is becoming: the key of the object, and that of the bytes. */
  readonly commit?: { readonly key: string; readonly data?: string };
}

export function sizeOf({ chunks }: UploadRecord): number {
  return chunks.reduce((sum, { size }) => sum + size, 0);
}

/** Milliseconds for which a request waits for another that still writes. */
const patience = 5000;
/** Seconds, by the store's clock, after which a holder that has not written is dead; and how often one that lives does. */
const holderLife = 15;
const sayEvery = 4000;

export async function readRecord(
  entries: S3Entries,
  key: string,
): Promise<{ record: UploadRecord; needed: number; etag: string; age: number } | undefined> {
  const entry = await entries.get(key);
  if (entry === undefined || entry.header.gone) return undefined;
  const record = JSON.parse(entry.bytes.toString()) as UploadRecord;
  return { record, needed: entry.header.needed, etag: entry.etag, age: entry.age };
}

/**
 * An upload while one request works on it. Each change is a compare-and-swap on what this one wrote last: whoever was taken for
 * dead and is not changes nothing any more, and what he still writes has names that no record knows.
 */
export class HeldUpload {
  readonly #entries: S3Entries;
  readonly #key: string;
  readonly #id: string;
  readonly #holder: string;
  readonly #timer: NodeJS.Timeout;
  #etag: string;
  #needed: number;
  #saving: Promise<void> = Promise.resolve();
  record: UploadRecord;

  private constructor(
    entries: S3Entries,
    { key, id, holder }: { readonly key: string; readonly id: string; readonly holder: string },
    { record, etag, needed }: { record: UploadRecord; etag: string; needed: number },
  ) {
    this.#entries = entries;
    this.#key = key;
    this.#id = id;
    this.#holder = holder;
    this.#etag = etag;
    this.#needed = needed;
    this.record = record;
    this.#timer = setInterval(() => this.save({}).catch(() => undefined), sayEvery).unref();
  }

  /** ERR_UPLOAD_NOT_FOUND; ERR_UPLOAD_BUSY: another works on it, and did not end within seconds. */
  static async hold(entries: S3Entries, key: string, id: string): Promise<HeldUpload> {
    const holder = randomUUID();
    for (const until = Date.now() + patience; ; ) {
      const found = await readRecord(entries, key);
      if (found === undefined) throw uploadMissing(id);
      const { record, needed } = found;
      if (record.holder === undefined || found.age > holderLife) {
        const held = { ...record, holder };
        const etag = await entries.put(key, { needed, size: 0 }, JSON.stringify(held), found);
        if (etag !== undefined)
          return new HeldUpload(entries, { key, id, holder }, { record: held, etag, needed });
      }
      if (Date.now() > until) throw uploadBusy(id);
      await delay(50 + Math.random() * 50);
    }
  }

  /** Writes what has changed. `arrived`: bytes have. ERR_UPLOAD_BUSY: it is another's by now. */
  save(change: Partial<UploadRecord>, { arrived = false } = {}): Promise<void> {
    const saved = this.#saving.then(async () => {
      if (arrived) this.#needed = Date.now();
      const record = { ...this.record, ...change };
      const header = { needed: this.#needed, size: 0 };
      const condition = { etag: this.#etag };
      const etag = await this.#entries.put(this.#key, header, JSON.stringify(record), condition);
      if (etag === undefined) throw uploadBusy(this.#id);
      this.#etag = etag;
      this.record = record;
    });
    this.#saving = saved.catch(() => undefined);
    return saved;
  }

  /** Lets the next work on it, with what has changed last. */
  async release(change: Partial<UploadRecord> = {}, arrived = false): Promise<void> {
    clearInterval(this.#timer);
    if (this.record.holder !== this.#holder) return;
    const { holder: _, ...record } = { ...this.record, ...change };
    await this.#saving;
    this.record = record;
    await this.save({}, { arrived });
  }

  /** The record is gone, or somebody else's. */
  end(): void {
    clearInterval(this.#timer);
  }
}
