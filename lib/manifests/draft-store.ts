import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../bindings/files.ts';
import { EngineError } from '../errors/index.ts';
import { type Descriptor, digestHex, digestOf } from '../oci/index.ts';
import { makeDirectory } from '../scratch/index.ts';

/** One image of a list. */
export interface DraftEntry {
  /** Where it is had from: canonical, with a digest. */
  readonly source: string;
  /** As the list will have it, with its platform. */
  readonly descriptor: Descriptor;
}

/** A manifest list that has not been pushed. */
export interface Draft {
  /** Canonical, with a tag. */
  readonly reference: string;
  readonly entries: readonly DraftEntry[];
}

/** Drafts on disk, `<folder>/<name>.json`, replaced atomically. */
export class DraftStore {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async read(reference: string): Promise<Draft | undefined> {
    const path = this.#path(reference);
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      // Who may not look there has none there.
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EACCES') return undefined;
      throw error;
    });
    return text === undefined ? undefined : parse(path, text);
  }

  async write(draft: Draft): Promise<void> {
    await makeDirectory(this.#folder);
    const text = `${JSON.stringify(draft)}\n`;
    await writeFileAtomic(this.#path(draft.reference), text, { mode: 0o600, durable: true });
  }

  /** Absent is no error. */
  async remove(reference: string): Promise<void> {
    await rm(this.#path(reference), { force: true });
  }

  /** File names have at most 255 bytes; references can be longer. */
  #path(reference: string): string {
    const encoded = encodeURIComponent(reference);
    const short =
      encoded.length <= 200 ? encoded : `${encoded.slice(0, 100)}~${digestHex(digestOf(reference))}`;
    return join(this.#folder, `${short}.json`);
  }
}

function parse(path: string, text: string): Draft {
  try {
    return JSON.parse(text) as Draft;
  } catch (cause) {
    const message = `the draft ${path} of a manifest list is damaged: delete it and create the list again`;
    throw new EngineError('ERR_SYSTEM', message, { cause, details: { path } });
  }
}
