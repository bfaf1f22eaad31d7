import { verifyBytes } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import { type Descriptor, isDigest, isIndexType, isManifestType, maxManifestSize } from '../oci/index.ts';
import { type ImageReference, repositoryName } from '../reference/index.ts';
import { BlobUpload } from './blob-upload.ts';
import { Connection, type RepositoryOptions } from './connection.ts';
import type { Host, HostRequest } from './host.ts';
import type { BlobToSend, PutBlobOptions, RemoteSink } from './remote-sink.ts';
import { discard, type TransportResponse } from './transport.ts';
import { uploadRefusal } from './upload-refusal.ts';

/** See `RemoteSink`. */
export class UploadRepository implements RemoteSink {
  readonly reference: ImageReference;
  readonly #connection: Connection;
  readonly #host: Host;

  constructor(reference: ImageReference, options: RepositoryOptions, mountFrom: readonly string[]) {
    this.reference = reference;
    const scopes = [
      `repository:${reference.path}:pull,push`,
      ...mountFrom.map((path) => `repository:${path}:pull`),
    ];
    this.#connection = new Connection(reference, options, { scopes });
    this.#host = this.#connection.hosts.at(-1) as Host;
  }

  async has(descriptor: Descriptor, options: { signal?: AbortSignal } = {}): Promise<boolean> {
    const kind = isDocument(descriptor) ? 'manifests' : 'blobs';
    const request: HostRequest = {
      method: 'HEAD',
      path: `${kind}/${descriptor.digest}`,
      ...(kind === 'manifests' && { headers: { accept: descriptor.mediaType } }),
      subject: this.#subject(descriptor),
      explain: uploadRefusal,
      accept: [404],
    };
    return this.#request(request, options.signal, ({ status }) => status < 400);
  }

  async putBlob(blob: BlobToSend, options: PutBlobOptions = {}): Promise<'mounted' | 'sent'> {
    const { signal, release } = this.#connection.join(options.signal);
    const name = repositoryName(this.reference);
    try {
      return await new BlobUpload(this.#host, name, blob, { ...options, signal }).run(this.#connection.retry);
    } finally {
      release();
    }
  }

  async putManifest(
    descriptor: Descriptor,
    bytes: Uint8Array,
    options: { tag?: string | undefined; signal?: AbortSignal } = {},
  ): Promise<void> {
    const { tag, signal } = options;
    const name = repositoryName(this.reference);
    const request: HostRequest = {
      method: 'PUT',
      path: `manifests/${tag ?? descriptor.digest}`,
      headers: { 'content-type': descriptor.mediaType },
      body: bytes,
      subject: tag === undefined ? this.#subject(descriptor) : { name: `${name}:${tag}`, kind: 'manifest' },
      explain: uploadRefusal,
      deadline: this.#connection.deadline,
    };
    await this.#request(request, signal, (response) => requireDigest(response, descriptor));
  }

  /** See ContentSink. The body cannot be read again: when it is cut, the put fails. */
  async put(
    descriptor: Descriptor,
    body: AsyncIterable<Uint8Array>,
    options: { signal?: AbortSignal } = {},
  ): Promise<void> {
    if (await this.has(descriptor, options)) return;
    if (isDocument(descriptor)) {
      return this.putManifest(descriptor, await collect(descriptor, body), options);
    }
    await this.putBlob({ descriptor, open: onceOnly(descriptor, body) }, options);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]();
  }

  async #request<T>(
    request: HostRequest,
    signal: AbortSignal | undefined,
    read: (response: TransportResponse) => T,
  ): Promise<T> {
    const joined = this.#connection.join(signal);
    try {
      return await this.#host.request({ ...request, signal: joined.signal }, (response) => {
        discard(response);
        return read(response);
      });
    } finally {
      joined.release();
    }
  }

  #subject(descriptor: Descriptor): HostRequest['subject'] {
    const name = repositoryName(this.reference);
    return isDocument(descriptor)
      ? { name: `${name}@${descriptor.digest}`, kind: 'manifest' }
      : { name: `${descriptor.digest} of ${name}`, kind: 'blob' };
  }
}

function isDocument({ mediaType }: Descriptor): boolean {
  return isManifestType(mediaType) || isIndexType(mediaType);
}

function requireDigest({ headers, url }: TransportResponse, { digest }: Descriptor): void {
  const stored = headers['docker-content-digest'];
  if (!isDigest(stored) || stored === digest) return;
  throw new EngineError(
    'ERR_BLOB_DIGEST_MISMATCH',
    `${url.host} has stored another manifest than it was sent: its digest is ${stored}, not ${digest}`,
    { details: { host: url.host, expected: digest, actual: stored } },
  );
}

async function collect(descriptor: Descriptor, body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > maxManifestSize) break;
    pieces.push(piece);
  }
  const bytes = Buffer.concat(pieces);
  verifyBytes(descriptor, bytes);
  return bytes;
}

function onceOnly({ digest }: Descriptor, body: AsyncIterable<Uint8Array>): BlobToSend['open'] {
  let opened = false;
  return () => {
    if (!opened) {
      opened = true;
      return body;
    }
    throw new EngineError(
      'ERR_UPLOAD_INTERRUPTED',
      `the upload of ${digest} was cut, and its source cannot be read again: start it again`,
      { details: { digest } },
    );
  };
}
