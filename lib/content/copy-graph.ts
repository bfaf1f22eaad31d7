import {
  type Descriptor,
  type Digest,
  isIndexType,
  isManifestType,
  maxManifestSize,
  parseManifest,
} from '../oci/index.ts';
import type { ContentSink, ContentSource } from './content.ts';
import { fetchBytes } from './fetch-bytes.ts';

export interface CopyOptions {
  readonly signal?: AbortSignal | undefined;
  /** Blobs on their way at once; 3 by default. */
  readonly concurrency?: number;
  /** Called for each blob when the sink has it. */
  readonly onCopied?: (descriptor: Descriptor) => void;
}

/** Indexes within indexes; deeper ones are refused elsewhere, and here not followed. */
const maxDepth = 4;

/**
 * Copies a blob and all that it refers to: children first, several at a time, so that whatever the sink has is complete.
 * What the sink has already it does not read. Every blob arrives verified. Pull, push, save and load of whole images are
 * this verb. Documents of media types that refer to nothing known are copied as plain blobs. The `subject` of a manifest is
 * not a part of it. @throws what source and sink throw; the signal's reason
 */
export async function copyGraph(
  source: ContentSource,
  sink: ContentSink,
  root: Descriptor,
  options: CopyOptions = {},
): Promise<void> {
  const levels = await collectLevels(source, root, options.signal);
  for (const level of levels) {
    await forEach(level, options.concurrency ?? 3, async (descriptor) => {
      await copyContent(source, sink, descriptor, options.signal);
      options.onCopied?.(descriptor);
    });
  }
}

/** A blob and all that it refers to, each once, children before parents. @throws what the source throws */
export async function listGraph(
  source: ContentSource,
  root: Descriptor,
  options: { readonly signal?: AbortSignal | undefined } = {},
): Promise<Descriptor[]> {
  return (await collectLevels(source, root, options.signal)).flat();
}

/** One blob. The source is not opened when the sink has it. */
export async function copyContent(
  source: ContentSource,
  sink: ContentSink,
  descriptor: Descriptor,
  signal?: AbortSignal,
): Promise<void> {
  signal?.throwIfAborted();
  await sink.put(descriptor, lazyBody(source, descriptor, signal), signal && { signal });
}

async function* lazyBody(
  source: ContentSource,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  if (descriptor.size > 0) yield* await source.fetch(descriptor, signal && { signal });
}

/** The graph from its leaves to the root, each blob once, in the lowest level that needs it. */
async function collectLevels(
  source: ContentSource,
  root: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Descriptor[][]> {
  const levels: Descriptor[][] = [[root]];
  for (let depth = 0; depth < maxDepth; depth++) {
    const children: Descriptor[] = [];
    for (const parent of levels[depth] ?? []) children.push(...(await childrenOf(source, parent, signal)));
    if (children.length === 0) break;
    levels.push(children);
  }
  return lowestOnly(levels);
}

/** What a manifest or an index refers to; nothing for any other blob. */
async function childrenOf(
  source: ContentSource,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Descriptor[]> {
  const { mediaType } = descriptor;
  if (!isIndexType(mediaType) && !isManifestType(mediaType)) return [];
  const bytes = await fetchBytes(source, descriptor, { limit: maxManifestSize, signal });
  const document = parseManifest(bytes, mediaType);
  return document.kind === 'index' ? [...document.manifests] : [document.config, ...document.layers];
}

function lowestOnly(levels: readonly Descriptor[][]): Descriptor[][] {
  const seen = new Set<Digest>();
  const kept = [...levels].reverse().map((level) =>
    level.filter(({ digest }) => {
      const isNew = !seen.has(digest);
      seen.add(digest);
      return isNew;
    }),
  );
  return kept;
}

/** `limit` at a time. The first failure is thrown when those under way have ended; no more are begun. */
async function forEach<T>(
  items: readonly T[],
  limit: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  let failed = false;
  const worker = async () => {
    for (let item = waiting.shift(); item !== undefined && !failed; item = waiting.shift()) {
      await work(item).catch((error) => {
        failed = true;
        throw error;
      });
    }
  };
  const workers = Array.from({ length: Math.min(limit, items.length) }, worker);
  const ends = await Promise.allSettled(workers);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
