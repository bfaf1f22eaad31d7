import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { AuditDocument } from '../api-documents.ts';
import type { Changes } from '../changes.ts';
import type { RequestRecord } from '../request-record.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { auditOf } from './audit-action.ts';

/** Entries of one object of the storage, and objects that are kept. */
const [largest, mostPieces] = [500, 40];
/** Entries that a list tells of. */
const mostListed = 2000;
/** Milliseconds for which entries are gathered before they are written. */
const pause = 2000;

const folder = 'audit';

const accountActions = new Set(['user', 'remove user', 'robot', 'remove robot', 'grant', 'remove grant']);

/**
 * Who changed what, in a registry's storage: `audit/TIME-ID`, each a piece of lines of JSON by one process. The latest twenty
 * thousand are kept. They are written some seconds late, so a process that is killed loses its last: whoever must have all of them
 * has them written by `--audit-log`.
 */
export class AuditLog implements AsyncDisposable {
  readonly #storage: RegistryStorage;
  readonly #changes: Changes;
  readonly #onFailed: (error: unknown) => void;
  readonly #stop = new AbortController();
  /** The piece that grows; what of it has been written. */
  #piece: AuditDocument[] = [];
  #key = '';
  #isDirty = false;
  #waiting: Promise<void> | undefined;
  #written: Promise<void> = Promise.resolve();

  constructor(storage: RegistryStorage, changes: Changes, onFailed: (error: unknown) => void) {
    this.#storage = storage;
    this.#changes = changes;
    this.#onFailed = onFailed;
  }

  /** Adds a request that changed something, or that was forbidden to. */
  observe(record: RequestRecord): void {
    const entry = auditOf(record);
    if (entry === undefined) return;
    this.add(entry);
    if (entry.status < 300 && accountActions.has(entry.action)) this.#changes.announce({ topic: 'accounts' });
  }

  /** Never throws; a failure to write is told to `onFailed`. */
  add(entry: AuditDocument): void {
    if (this.#piece.length >= largest) this.#piece = [];
    if (this.#piece.length === 0)
      this.#key = `${folder}/${entry.time.replaceAll(':', '-')}-${randomUUID().slice(0, 8)}`;
    this.#piece.push(entry);
    this.#isDirty = true;
    // A piece that is full is written before the next begins.
    if (this.#piece.length === largest) this.#write();
    else this.#waiting ??= this.#writeSoon();
    this.#changes.announce({ topic: 'audit' });
  }

  /** The latest first, of all processes. */
  async list(): Promise<AuditDocument[]> {
    const found: AuditDocument[] = [...this.#piece];
    for (const name of (await this.#storage.list(folder)).reverse()) {
      if (found.length >= mostListed) break;
      if (`${folder}/${name}` === this.#key) continue;
      const bytes = await this.#storage.read(`${folder}/${name}`);
      for (const line of bytes?.toString().split('\n') ?? []) if (line !== '') found.push(JSON.parse(line));
    }
    return found.sort((a, b) => (a.time < b.time ? 1 : -1)).slice(0, mostListed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#waiting;
    this.#write();
    await this.#written;
  }

  async #writeSoon(): Promise<void> {
    await delay(pause, undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
    this.#waiting = undefined;
    this.#write();
  }

  /** One after the other: a piece is written again as it grows. */
  #write(): void {
    if (!this.#isDirty) return;
    this.#isDirty = false;
    const key = this.#key;
    const lines = this.#piece.map((entry) => `${JSON.stringify(entry)}\n`).join('');
    this.#written = this.#written
      .then(() => this.#storage.write(key, lines))
      .then(() => this.#prune())
      .catch(this.#onFailed);
  }

  async #prune(): Promise<void> {
    const names = await this.#storage.list(folder);
    for (const name of names.slice(0, -mostPieces)) await this.#storage.remove(`${folder}/${name}`);
  }
}
