import { Readable } from 'node:stream';
import type { RegistryStorage, UploadStorage } from './registry-storage.ts';
import { uploadBusy, uploadMissing, uploadOffset } from './upload-errors.ts';

interface StoredObject {
  readonly bytes: Buffer;
  needed: number;
}

interface StoredUpload {
  readonly about: string;
  pieces: Buffer[];
  size: number;
  needed: number;
  busy: boolean;
}

/** A storage for tests and for fixtures: it is gone with its process. */
export function openMemoryStorage(): RegistryStorage {
  const objects = new Map<string, StoredObject>();
  const held = new Set<string>();
  const put = (key: string, bytes: Uint8Array | string) =>
    objects.set(key, { bytes: Buffer.from(bytes), needed: Date.now() });
  return {
    read: async (key) => objects.get(key)?.bytes,
    write: async (key, bytes) => void put(key, bytes),
    create: async (key, bytes) => !objects.has(key) && Boolean(put(key, bytes)),
    stat: async (key) => {
      const found = objects.get(key);
      return found && { size: found.bytes.length, needed: found.needed };
    },
    open: async (key, range) => {
      const bytes = objects.get(key)?.bytes;
      return bytes && Readable.from(pieces(range ? bytes.subarray(range.start, range.end + 1) : bytes));
    },
    touch: async (key) => {
      const found = objects.get(key);
      if (found) found.needed = Date.now();
      return found !== undefined;
    },
    remove: async (key) => objects.delete(key),
    removeUnneeded: async (key, since) => {
      const found = objects.get(key);
      return found === undefined || (found.needed < since && objects.delete(key));
    },
    list: async (folder, options) => listNames([...objects.keys()], folder, options),
    exclusively: async (name, work) => {
      if (held.has(name)) return undefined;
      held.add(name);
      return work().finally(() => held.delete(name));
    },
    uploads: memoryUploads((key, bytes) => void put(key, bytes)),
    [Symbol.asyncDispose]: async () => objects.clear(),
  };
}

function memoryUploads(put: (key: string, bytes: Buffer) => void): UploadStorage {
  const uploads = new Map<string, StoredUpload>();
  const required = (id: string): StoredUpload => {
    const found = uploads.get(id);
    if (found === undefined) throw uploadMissing(id);
    return found;
  };
  return {
    begin: async (id, about) =>
      void uploads.set(id, { about, pieces: [], size: 0, needed: Date.now(), busy: false }),
    find: async (id) => {
      const found = uploads.get(id);
      return found && { size: found.size, needed: found.needed, about: found.about };
    },
    append: async (id, offset, body) => {
      const upload = required(id);
      if (upload.busy) throw uploadBusy(id);
      if (upload.size !== offset) throw uploadOffset(id, offset, upload.size);
      upload.busy = true;
      try {
        for await (const piece of body) {
          upload.pieces.push(Buffer.from(piece));
          upload.size += piece.length;
          upload.needed = Date.now();
        }
      } finally {
        upload.busy = false;
      }
      return upload.size;
    },
    open: async (id, range) => {
      const found = uploads.get(id);
      if (found === undefined || range === undefined) return found && Readable.from(found.pieces);
      return Readable.from(pieces(Buffer.concat(found.pieces).subarray(range.start, range.end + 1)));
    },
    commit: async (id, key, verified) => {
      const { pieces, size, busy } = required(id);
      if (busy) throw uploadBusy(id);
      if (size !== verified) throw uploadOffset(id, verified, size);
      put(key, Buffer.concat(pieces));
      uploads.delete(id);
    },
    remove: async (id) => uploads.delete(id),
    list: async () => [...uploads.keys()],
  };
}

/** In pieces that a socket takes well. */
function* pieces(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
}

function listNames(
  keys: readonly string[],
  folder: string,
  { after = '', limit = Number.POSITIVE_INFINITY }: { after?: string; limit?: number } = {},
): string[] {
  const prefix = `${folder}/`;
  const names = keys
    .filter((key) => key.startsWith(prefix))
    .map((key) => key.slice(prefix.length).split('/')[0] ?? '');
  return [...new Set(names)]
    .filter((name) => name > after)
    .sort()
    .slice(0, limit);
}
