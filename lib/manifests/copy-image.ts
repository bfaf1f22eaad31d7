import { type ContentSink, copyGraph } from '../content/index.ts';
import { type Descriptor, isIndexType, isManifestType } from '../oci/index.ts';
import type { RemoteRepository, RemoteSink } from '../registry-client/index.ts';

/**
 * Copies an image from one repository to another: its blobs mounted where the registry is the same, otherwise passed
 * through and resumed after a cut on either side; its manifest last, by its digest.
 */
export async function copyImage(
  source: RemoteRepository,
  sink: RemoteSink,
  manifest: Descriptor,
  signal: AbortSignal | undefined,
): Promise<void> {
  const isNear = source.reference.domain === sink.reference.domain;
  const mountFrom = isNear ? [source.reference.path] : [];
  const put: ContentSink['put'] = async (descriptor, body, options = {}) => {
    if (isDocument(descriptor)) return sink.put(descriptor, body, options);
    if (await sink.has(descriptor, options)) return;
    const open = (offset: number) => bytesFrom(source, descriptor, offset, options.signal);
    await sink.putBlob({ descriptor, open }, { mountFrom, ...options });
  };
  await copyGraph(source, { put }, manifest, { signal });
}

async function* bytesFrom(
  source: RemoteRepository,
  descriptor: Descriptor,
  offset: number,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  yield* await source.fetch(descriptor, { offset, ...(signal && { signal }) });
}

function isDocument({ mediaType }: Descriptor): boolean {
  return isManifestType(mediaType) || isIndexType(mediaType);
}
