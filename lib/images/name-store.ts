import { rmSync, statSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFileAtomic } from '../../bindings/files.ts';
import { EngineError } from '../errors/index.ts';
import { type Descriptor, type Digest, digestHex, digestOf } from '../oci/index.ts';
import { createScratch, makeDirectory, sweepScratches, syncDirectory } from '../scratch/index.ts';

/** What one name stands for, with all that must be kept for it. The contents of `<root>/<name>.json`. */
export interface ImageName {
  /** Canonical: `docker.io/library/debian:12`, or with `@sha256:…` instead of the tag. */
  readonly reference: string;
  /** What the registry answered for the name: a manifest, or the index it was chosen from. */
  readonly target: Descriptor;
  readonly manifest: Descriptor;
  readonly config: Descriptor;
  /** The platform that was asked for. */
  readonly platform: string;
  /** Base first. */
  readonly chainIds: readonly Digest[];
  /** Index, manifest, config, and compressed layers if they are kept. */
  readonly blobs: readonly Digest[];
  /** RFC 3339 */
  readonly pulledAt: string;
}

/** A file of the store of names, and what it holds; `complaint`: why it holds no name. */
export type SurveyedName =
  | { readonly path: string; readonly name: ImageName }
  | { readonly path: string; readonly complaint: string };

interface Cached {
  readonly version: string;
  readonly name: ImageName;
}

/** Milliseconds that nobody takes to write a file of a few KiB. */
const draftAge = 60 * 60 * 1000;

/** Names on disk, one file each, replaced atomically. Any number of processes share them. */
export class NameStore {
  readonly #root: string;
  readonly #cache = new Map<string, Cached>();

  constructor(root: string) {
    this.#root = root;
  }

  /** One stat(2) for a name that was read before and has not been replaced since. */
  async read(reference: string): Promise<ImageName | undefined> {
    return this.#readFile(fileName(reference));
  }

  async list(): Promise<ImageName[]> {
    const files = await this.#files();
    const names = files.filter((file) => file.endsWith('.json')).map((file) => this.#readFile(file));
    return (await Promise.all(names)).filter((name) => name !== undefined);
  }

  /** Power-loss-safe: afterwards the name stands for this, whatever happens. */
  async write(name: ImageName): Promise<void> {
    await makeDirectory(this.#root);
    await using scratch = await createScratch(this.#root);
    const draft = join(scratch.path, 'name');
    await writeFileAtomic(draft, `${JSON.stringify(name)}\n`, { mode: 0o600, durable: true });
    await rename(draft, join(this.#root, fileName(name.reference)));
    await syncDirectory(this.#root);
  }

  /** Absent is no error. */
  async remove(references: readonly string[]): Promise<void> {
    if (references.length === 0) return;
    for (const reference of references) rmSync(join(this.#root, fileName(reference)), { force: true });
    await syncDirectory(this.#root);
  }

  /** Removes those that still stand for what they did when they were read, and answers which. */
  async removeUnchanged(names: readonly ImageName[]): Promise<string[]> {
    const current = await Promise.all(names.map(({ reference }) => this.read(reference)));
    const unchanged = names.filter(({ manifest }, at) => current[at]?.manifest.digest === manifest.digest);
    const references = unchanged.map(({ reference }) => reference);
    await this.remove(references);
    return references;
  }

  /** Every name, those that cannot be read included. */
  async survey(): Promise<SurveyedName[]> {
    const files = (await this.#files()).filter((file) => file.endsWith('.json'));
    const surveyed = files.map(async (file): Promise<SurveyedName[]> => {
      const path = join(this.#root, file);
      try {
        const name = await this.#readFile(file);
        if (name === undefined) return [];
        return [isName(name) ? { path, name } : { path, complaint: 'it is no name of an image' }];
      } catch (error) {
        return [{ path, complaint: (error as Error).message }];
      }
    });
    return (await Promise.all(surveyed)).flat();
  }

  /** Removes what dead processes were writing. */
  async sweep(): Promise<void> {
    await sweepScratches(this.#root);
    for (const file of await this.#files()) {
      if (isOldDraft(file)) await removeOlder(join(this.#root, file), draftAge);
    }
  }

  async #files(): Promise<string[]> {
    return readdir(this.#root).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return [];
      throw error;
    });
  }

  async #readFile(file: string): Promise<ImageName | undefined> {
    const path = join(this.#root, file);
    const version = versionOf(path);
    if (version === undefined) return undefined;
    const cached = this.#cache.get(file);
    if (cached?.version === version) return cached.name;
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return undefined;
    const name = parseName(path, text);
    this.#cache.set(file, { version, name });
    return name;
  }
}

async function removeOlder(path: string, age: number): Promise<void> {
  const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: Number.POSITIVE_INFINITY }));
  if (Date.now() - mtimeMs >= age) await rm(path, { force: true });
}

/** Of an earlier version, which wrote beside the names. */
function isOldDraft(file: string): boolean {
  return !file.endsWith('.json') && !/^[0-9a-f]{16}(\.lock)?$/.test(file);
}

function isName(name: Partial<ImageName> | null): boolean {
  const { reference, manifest, config, chainIds, blobs } = name ?? {};
  return (
    [reference, manifest?.digest, config?.digest].every((text) => typeof text === 'string') &&
    [chainIds, blobs].every(Array.isArray)
  );
}

function parseName(path: string, text: string): ImageName {
  try {
    return JSON.parse(text) as ImageName;
  } catch (cause) {
    const message = `the file ${path} of an image's name is damaged: delete it and pull the image again`;
    throw new EngineError('ERR_SYSTEM', message, { cause, details: { path } });
  }
}

/** Differs after every replacement: a new file has another inode while the old one exists, and a later time afterwards. */
function versionOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found && `${found.ino} ${found.ctimeNs} ${found.size}`;
}

/** File names have at most 255 bytes; the names of images can be longer. */
function fileName(reference: string): string {
  const encoded = encodeURIComponent(reference);
  return encoded.length <= 200
    ? `${encoded}.json`
    : `${encoded.slice(0, 100)}~${digestHex(digestOf(reference))}.json`;
}
