import type { Readable } from 'node:stream';

/**
 * Where a registry keeps everything: objects by key, and uploads in the making. A key is a path of plain components
 * (`repositories/team+app/tags/latest`, `blobs/sha256/ab/abcd…`); what the keys mean is the callers' business. Any number
 * of processes may use one storage at once. Implementations: a directory (`openLocalStorage`), memory
 * (`openMemoryStorage`), a bucket of an S3-compatible store (`openS3Storage`). `test/contracts/registry-storage.ts` holds for
 * each.
 *
 * An object appears whole or not at all, and what was acknowledged survives a crash (in memory: until the process ends).
 *
 * Every object knows when it was last *needed*: written, or touched. That is what makes collecting garbage safe without a
 * lock that pushes would wait for. Whoever refers to an object first writes his reference and then touches the object; when
 * the touch says that it is gone he takes the reference back. The collector notes the time, reads all references, and
 * removes what none of them names with `removeUnneeded(key, thatTime)`. Either it saw the reference, or the touch came
 * later than the time it noted: then the object stays.
 */
export interface RegistryStorage extends AsyncDisposable {
  /** A small object, whole. */
  read(key: string): Promise<Buffer | undefined>;
  /** Makes or replaces an object. */
  write(key: string, bytes: Uint8Array | string): Promise<void>;
  /** Makes an object unless there is one; false: there is. Of many that try at once one succeeds. */
  create(key: string, bytes: Uint8Array | string): Promise<boolean>;
  stat(key: string): Promise<ObjectStatus | undefined>;
  /** The bytes of an object, from `start` to `end` inclusive, read as they are asked for. */
  open(key: string, range?: { readonly start: number; readonly end: number }): Promise<Readable | undefined>;
  /** Where an object stands on this machine, if it is a file of its own there. */
  path?(key: string): string;
  /** Where a client may read an object itself for so many seconds, if it may. */
  url?(key: string, seconds: number): Promise<string | undefined>;
  /** Says that an object is needed now. False: it is not there. */
  touch(key: string): Promise<boolean>;
  /** False: it was not there. */
  remove(key: string): Promise<boolean>;
  /**
   * Removes an object that was not needed at `since` (milliseconds of the epoch) or later. A touch that has said true after
   * `since` is never undone by it. True: it is gone now. One caller at a time (`exclusively`).
   */
  removeUnneeded(key: string, since: number): Promise<boolean>;
  /** Names right below a folder of keys, in the order of their bytes: those behind `after`, at most `limit`. */
  list(folder: string, options?: { readonly after?: string; readonly limit?: number }): Promise<string[]>;
  /** Runs `work` while no other process does under the same name; undefined: somebody does, and `work` was not run. */
  exclusively<T>(name: string, work: () => Promise<T>): Promise<T | undefined>;
  readonly uploads: UploadStorage;
}

export interface ObjectStatus {
  /** bytes */
  readonly size: number;
  /** When it was last needed: milliseconds of the epoch. */
  readonly needed: number;
}

/** Uploads in the making. They survive the process that began them; ids are the caller's (letters, digits, dashes). */
export interface UploadStorage {
  /** `about` is kept beside it. */
  begin(id: string, about: string): Promise<void>;
  find(id: string): Promise<UploadStatus | undefined>;
  /**
   * Writes `body` behind the `offset` bytes that are there, and answers how many there are then. What came before a failure of
   * the body is kept. ERR_UPLOAD_NOT_FOUND; ERR_UPLOAD_OFFSET: there are more or fewer bytes; ERR_UPLOAD_BUSY: somebody else
   * writes to it, and did not end within seconds; ERR_NO_SPACE. `note` is asked when the body has ended, for what the next
   * writer should know; a storage whose bytes are read fast keeps none.
   */
  append(
    id: string,
    offset: number,
    body: AsyncIterable<Uint8Array>,
    note?: () => string | undefined,
  ): Promise<number>;
  /** What has arrived, or of that from `start` to `end` inclusive. */
  open(id: string, range?: { readonly start: number; readonly end: number }): Promise<Readable | undefined>;
  /** Where it stands on this machine, if it does. */
  path?(id: string): string;
  /** Milliseconds after which it is worth asking find() again for what has arrived; 5 unless it says so. */
  readonly patience?: number;
  /**
   * Makes the upload the object `key`, whole and safe from power loss; the upload is gone. Keys of uploads are of their content:
   * where there is an object of the same size, its bytes may stay. `size`: the bytes that the caller has verified; somebody may have sent more since. ERR_UPLOAD_NOT_FOUND; ERR_UPLOAD_OFFSET: there are more or fewer, and
   * nothing is done; ERR_UPLOAD_BUSY.
   */
  commit(id: string, key: string, size: number): Promise<void>;
  /** With what a crash has left of it. False: there was nothing. */
  remove(id: string): Promise<boolean>;
  /** Ids, with those of which a crash has left something. */
  list(): Promise<string[]>;
}

export interface UploadStatus {
  /** bytes */
  readonly size: number;
  /** When something last arrived: milliseconds of the epoch. */
  readonly needed: number;
  readonly about: string;
  /** Of the last append that has ended; it is of `size` bytes. */
  readonly note?: string;
}
