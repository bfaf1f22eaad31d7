import { EngineError, isEngineError } from '../errors/index.ts';
import {
  type Descriptor,
  type Digest,
  isIndexType,
  isManifestType,
  manifestMediaTypes,
  maxImageConfigSize,
  parseDigest,
} from '../oci/index.ts';
import { type ImageReference, repositoryName, tagOrDigest } from '../reference/index.ts';
import { emptyBody, openBody, openRange, readVerified, type Wanted } from './blob-response.ts';
import { Connection, type RepositoryOptions } from './connection.ts';
import type { Host, HostRequest } from './host.ts';
import { readManifest, readManifestHead } from './manifest-response.ts';
import type { RemoteBody, RemoteRepository, ResolvedManifest } from './remote-repository.ts';
import { discard, type TransportResponse } from './transport.ts';

/** See `RemoteRepository`. */
export class Repository implements RemoteRepository {
  readonly reference: ImageReference;
  readonly #connection: Connection;
  /** Hosts that sent something false. */
  readonly #distrusted = new Set<Host>();
  /** Mirrors that did not answer; they are not waited for again. */
  readonly #silent = new Set<Host>();

  constructor(reference: ImageReference, options: RepositoryOptions) {
    this.reference = reference;
    this.#connection = new Connection(reference, options);
  }

  async describe(
    wanted = tagOrDigest(this.reference),
    options: { signal?: AbortSignal } = {},
  ): Promise<Descriptor> {
    const asked = this.#asked(wanted);
    const request = { ...this.#manifestRequest(asked, manifestMediaTypes), method: 'HEAD' } as const;
    const told = await this.#request(request, options.signal, (response) => {
      discard(response);
      return readManifestHead(response, asked.digest);
    });
    return told ?? (await this.resolve(wanted, options)).descriptor;
  }

  resolve(
    wanted = tagOrDigest(this.reference),
    options: { accept?: readonly string[]; signal?: AbortSignal } = {},
  ): Promise<ResolvedManifest> {
    const asked = this.#asked(wanted);
    const request = this.#manifestRequest(asked, options.accept ?? manifestMediaTypes);
    return this.#request(request, options.signal, (response) => readManifest(response, asked));
  }

  async fetchBytes(
    descriptor: Descriptor,
    options: { limit?: number; signal?: AbortSignal } = {},
  ): Promise<Buffer> {
    const limit = options.limit ?? maxImageConfigSize;
    if (descriptor.size > limit) throw tooLarge(descriptor, limit);
    const request = { ...contentRequest(descriptor, this.#name), deadline: this.#connection.deadline };
    return this.#request(request, options.signal, (response) => readVerified(response, descriptor));
  }

  async fetch(
    descriptor: Descriptor,
    options: { offset?: number; signal?: AbortSignal } = {},
  ): Promise<RemoteBody> {
    const offset = options.offset ?? 0;
    if (offset >= descriptor.size) return emptyBody(this.#connection.hosts[0]?.origin ?? '');
    const { signal, release } = this.#connection.join(options.signal);
    const plain = { ...contentRequest(descriptor, this.#name), signal };
    const wanted = { descriptor, offset, signal, release };
    try {
      return await this.#firstHost(signal, (host, attempts) => fetchFrom(host, plain, wanted, attempts));
    } catch (error) {
      release();
      throw error;
    }
  }

  async has(descriptor: Descriptor, options: { signal?: AbortSignal } = {}): Promise<boolean> {
    const request: HostRequest = { ...contentRequest(descriptor, this.#name), method: 'HEAD' };
    try {
      await this.#request(request, options.signal, discard);
      return true;
    } catch (error) {
      if (isEngineError(error) && error.kind === 'notFound') return false;
      throw error;
    }
  }

  distrust(origin: string): void {
    for (const host of this.#connection.hosts) if (host.origin === origin) this.#distrusted.add(host);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#connection[Symbol.asyncDispose]();
  }

  async #request<T>(
    request: HostRequest,
    signal: AbortSignal | undefined,
    read: (response: TransportResponse) => T | Promise<T>,
  ): Promise<T> {
    const joined = this.#connection.join(signal);
    const followed = { ...request, signal: joined.signal };
    try {
      return await this.#firstHost(joined.signal, (host, attempts) => host.request(followed, read, attempts));
    } finally {
      joined.release();
    }
  }

  /**
   * What the first host says that can answer. While there is another one to ask, each gets one attempt only; a mirror that
   * is silent is passed over from then on.
   */
  async #firstHost<T>(signal: AbortSignal, ask: (host: Host, attempts?: number) => Promise<T>): Promise<T> {
    const trusted = this.#connection.hosts.filter((host) => !this.#distrusted.has(host));
    const hosts = trusted.filter((host, at) => at === trusted.length - 1 || !this.#silent.has(host));
    const failures: EngineError[] = [];
    for (const [at, host] of hosts.entries()) {
      const isLast = at === hosts.length - 1;
      try {
        return await ask(host, isLast ? undefined : 1);
      } catch (error) {
        if (signal.aborted || !isEngineError(error)) throw error;
        if (error.kind === 'unavailable') this.#silent.add(host);
        failures.push(error);
      }
    }
    throw withMirrors(failures, this.#name);
  }

  #asked(wanted: string): { name: string; path: string; digest: Digest | undefined } {
    const name = this.#name;
    const digest = wanted.includes(':') ? parseDigest(wanted) : undefined;
    return { name: digest ? `${name}@${wanted}` : `${name}:${wanted}`, path: `manifests/${wanted}`, digest };
  }

  #manifestRequest(asked: { name: string; path: string }, accept: readonly string[]): HostRequest {
    return {
      method: 'GET',
      path: asked.path,
      headers: { accept: accept.join(', ') },
      subject: { name: asked.name, kind: 'manifest' },
      deadline: this.#connection.deadline,
    };
  }

  get #name(): string {
    return repositoryName(this.reference);
  }
}

/** A manifest by its digest, or a blob, as the descriptor's media type says. */
function contentRequest({ mediaType, digest }: Descriptor, repository: string): HostRequest {
  if (isManifestType(mediaType) || isIndexType(mediaType)) {
    const subject = { name: `${repository}@${digest}`, kind: 'manifest' } as const;
    return { method: 'GET', path: `manifests/${digest}`, headers: { accept: mediaType }, subject };
  }
  return {
    method: 'GET',
    path: `blobs/${digest}`,
    subject: { name: `${digest} of ${repository}`, kind: 'blob' },
  };
}

/** Asks for the range that is wanted, and for everything when the host cannot serve it. */
async function fetchFrom(
  host: Host,
  plain: HostRequest,
  wanted: Wanted,
  attempts: number | undefined,
): Promise<RemoteBody> {
  if (wanted.offset > 0) {
    const headers = { ...plain.headers, range: `bytes=${wanted.offset}-` };
    const ranged = { ...plain, headers, accept: [416] };
    const body = await host.request(ranged, (response) => openRange(host.origin, response, wanted), attempts);
    if (body !== undefined) return body;
  }
  return host.request(plain, (response) => openBody(host.origin, response, wanted), attempts);
}

function tooLarge(descriptor: Descriptor, limit: number): EngineError {
  return new EngineError(
    'ERR_BLOB_TOO_LARGE',
    `${descriptor.digest} has ${descriptor.size} bytes; at most ${limit} are accepted for ${descriptor.mediaType}`,
    { details: { digest: descriptor.digest, size: descriptor.size, limit } },
  );
}

/** The registry's own error, which comes last, and in its details what the mirrors said. */
function withMirrors(failures: readonly EngineError[], name: string): EngineError {
  const last = failures.at(-1);
  if (last === undefined) {
    return new EngineError(
      'ERR_BLOB_DIGEST_MISMATCH',
      `every host of ${name} has sent content that does not have its digest`,
      { details: { name } },
    );
  }
  if (failures.length === 1) return last;
  const mirrors = failures.slice(0, -1).map(({ code, message }) => ({ code, message }));
  return new EngineError(last.code, last.message, {
    cause: last.cause,
    details: { ...last.details, mirrors },
  });
}
