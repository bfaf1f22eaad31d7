import { type Descriptor, digestOf, mediaTypes } from '../../lib/oci/index.ts';

/** Stores a blob in a registry by the distribution protocol's own upload. `url` is the repository's, without /v2. */
export async function pushBlob(registry: string, path: string, bytes: Uint8Array): Promise<Descriptor> {
  const digest = digestOf(bytes);
  const begun = await fetch(`${registry}/v2/${path}/blobs/uploads/`, { method: 'POST' });
  const location = new URL(begun.headers.get('location') ?? '', registry);
  location.searchParams.set('digest', digest);
  const body = bytes as Uint8Array<ArrayBuffer>;
  await created(
    await fetch(location, { method: 'PUT', body, headers: { 'content-type': 'application/octet-stream' } }),
  );
  return { mediaType: mediaTypes.ociLayerGzip, digest, size: bytes.length };
}

/** Stores a manifest under a tag, with a config and these layers. */
export async function pushManifest(
  registry: string,
  path: string,
  tag: string,
  layers: readonly Descriptor[] = [],
): Promise<Descriptor> {
  const config = { ...(await pushBlob(registry, path, Buffer.from('{}'))), mediaType: mediaTypes.ociConfig };
  const mediaType = mediaTypes.ociManifest;
  const body = JSON.stringify({ schemaVersion: 2, mediaType, config, layers });
  const headers = { 'content-type': mediaType };
  await created(await fetch(`${registry}/v2/${path}/manifests/${tag}`, { method: 'PUT', body, headers }));
  return { mediaType, digest: digestOf(body), size: body.length };
}

async function created(response: Response): Promise<void> {
  const text = await response.text();
  if (response.status !== 201) throw new Error(`the registry answered ${response.status}: ${text}`);
}
