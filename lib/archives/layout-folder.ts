import { mkdir, readdir, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../bindings/files.ts';
import { BlobStore, type ContentSink } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import { type Descriptor, encodeIndex } from '../oci/index.ts';
import { waitForLock } from '../scratch/index.ts';
import { folderFiles } from './files.ts';
import { layoutVersion, namedEntry, readIndex, refNameOf } from './oci-layout.ts';

/** Others read layouts, too. */
const fileMode = 0o644;

/**
 * An OCI layout in a folder, to put images into: made when absent, added to when it is there, by any number of processes
 * at once (flock on its `oci-layout`). A blob and the index are there whole or not at all, also after a power loss.
 */
export class LayoutFolder implements ContentSink, AsyncDisposable {
  readonly #folder: string;
  readonly #blobs: BlobStore;
  #made: Promise<void> | undefined;

  private constructor(folder: string) {
    this.#folder = folder;
    this.#blobs = new BlobStore(folder, { fileMode });
  }

  /** Makes nothing before something is put there. @throws EngineError ERR_LAYOUT_INVALID for a folder of something else */
  static async open(folder: string): Promise<LayoutFolder> {
    await refuseStrangers(folder);
    return new LayoutFolder(folder);
  }

  async put(
    descriptor: Descriptor,
    body: AsyncIterable<Uint8Array>,
    options?: { readonly signal?: AbortSignal },
  ): Promise<void> {
    await this.#make();
    return this.#blobs.put(descriptor, body, options);
  }

  /** Lists an image whose content is here. A name is taken from the image that has it. */
  async publish(target: Descriptor, name: string | undefined, signal?: AbortSignal): Promise<void> {
    await this.#make();
    const lock = await waitForLock(join(this.#folder, 'oci-layout'), { signal });
    try {
      const files = folderFiles(this.#folder);
      const listed = files.find('index.json') === undefined ? [] : await readIndex(files);
      const entry = name === undefined ? target : namedEntry(target, name);
      const others = listed.filter((other) => !isReplaced(other, entry));
      await writeFileAtomic(join(this.#folder, 'index.json'), encodeIndex([...others, entry]), {
        mode: fileMode,
        durable: true,
      });
    } finally {
      lock.release();
    }
  }

  #make(): Promise<void> {
    this.#made ??= makeLayout(this.#folder);
    return this.#made;
  }

  /** Leaves nothing that does not belong to a layout, unless somebody else is at work. */
  async [Symbol.asyncDispose](): Promise<void> {
    await rmdir(join(this.#folder, 'ingest')).catch(() => undefined);
  }
}

async function makeLayout(folder: string): Promise<void> {
  await mkdir(join(folder, 'blobs/sha256'), { recursive: true });
  if (folderFiles(folder).find('oci-layout') === undefined)
    await writeFileAtomic(join(folder, 'oci-layout'), layoutVersion, { mode: fileMode, durable: true });
}

/** The same name, or the same content without any. */
function isReplaced(other: Descriptor, entry: Descriptor): boolean {
  const [theirs, ours] = [refNameOf(other), refNameOf(entry)];
  return ours === undefined ? theirs === undefined && other.digest === entry.digest : theirs === ours;
}

async function refuseStrangers(folder: string): Promise<void> {
  const entries: string[] = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return [];
    throw invalid(folder, cause.message, cause);
  });
  if (entries.length === 0 || entries.includes('oci-layout')) return;
  throw invalid(
    folder,
    `it is not empty (${entries.slice(0, 3).join(', ')}) and no OCI layout: choose another folder`,
  );
}

function invalid(folder: string, complaint: string, cause?: unknown): EngineError {
  return new EngineError('ERR_LAYOUT_INVALID', `cannot write an OCI layout to ${folder}: ${complaint}`, {
    cause,
    details: { folder },
  });
}
