import { join } from 'node:path';
import { hashFile } from '../../bindings/hash.ts';
import { type ArchiveInput, openPlainFile } from '../archives/index.ts';
import { EngineError } from '../errors/index.ts';
import { hostPlatform, type Platform, parseDigest, parsePlatform } from '../oci/index.ts';
import { formatReference } from '../reference/index.ts';
import { createScratch } from '../scratch/index.ts';
import { fetchDocuments } from './fetch-documents.ts';
import type { Image } from './image.ts';
import { documentSource, type LoadStores } from './load-images.ts';
import { namelessReference } from './nameless.ts';
import { publishName, publishNameless } from './publish-name.ts';
import { rootImage } from './root-image.ts';
import { nameFor, storeImage } from './store-image.ts';
import { storingError } from './storing-error.ts';
import { parseTag } from './tag-image.ts';

export interface ImportOptions {
  /** The image's name, with a tag; without, it has none. */
  readonly reference?: string | undefined;
  /** Dockerfile instructions that make its defaults. */
  readonly changes?: readonly string[];
  /** For its history; by default where it came from. */
  readonly message?: string | undefined;
  /** What the root file system is for; this machine by default. */
  readonly platform?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** See Images.import. */
export async function importImage(
  stores: LoadStores,
  input: ArchiveInput,
  options: ImportOptions,
): Promise<Image> {
  const signal = options.signal ?? new AbortController().signal;
  try {
    signal.throwIfAborted();
    const platform = options.platform === undefined ? hostPlatform() : parsePlatform(options.platform);
    const reference =
      options.reference === undefined ? undefined : formatReference(parseTag(options.reference));
    await using scratch = await createScratch(join(stores.root, 'content/ingest'));
    const opening = { scratch: scratch.path, maxBytes: stores.limits.maxBytes, signal };
    const file = await openPlainFile(input, opening);
    const diffId = parseDigest(file.digest ?? `sha256:${await hashFile(file.path)}`);
    const comment = options.message ?? `Imported from ${typeof input === 'string' ? input : '-'}`;
    const changes = options.changes ?? [];
    const tar = { path: file.path, size: file.size, diffId };
    const image = rootImage({ tar, platform, created: creationTime(), comment, changes });
    return await store(stores, image, { platform, reference, signal });
  } catch (error) {
    throw storingError(error, { what: 'the import', root: stores.root, aborted: signal.aborted });
  }
}

/**
 * Now, or when SOURCE_DATE_EPOCH says (reproducible-builds.org/specs/source-date-epoch), so that it can be repeated.
 * @throws EngineError ERR_INVALID_ARGUMENT when that is no time
 */
export function creationTime(): string {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  if (!epoch) return new Date().toISOString();
  if (/^\d{1,11}$/.test(epoch)) return new Date(Number(epoch) * 1000).toISOString();
  throw new EngineError(
    'ERR_INVALID_ARGUMENT',
    `invalid SOURCE_DATE_EPOCH ${JSON.stringify(epoch)}: write seconds since 1970, or unset it`,
  );
}

async function store(
  stores: LoadStores,
  { target, source }: ReturnType<typeof rootImage>,
  {
    platform,
    reference,
    signal,
  }: { readonly platform: Platform; readonly reference: string | undefined; readonly signal: AbortSignal },
): Promise<Image> {
  const wanted = { platform, explicit: false };
  const documents = await fetchDocuments(documentSource(source, target), wanted, { signal });
  const name = nameFor(stores, documents, {
    reference: reference ?? namelessReference(documents.manifest.digest),
    platform,
  });
  const publish = async () => {
    if (reference === undefined) await publishNameless(stores.names, name);
    else await publishName(stores.names, name);
  };
  await storeImage(stores, documents, name, { source, signal, report: () => undefined, publish });
  return stores.loader.load({ ...name, reference: reference ?? name.config.digest });
}
