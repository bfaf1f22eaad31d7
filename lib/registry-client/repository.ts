import { type Config, defaultConfig } from '../config/index.ts';
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
import { emptyBody, openBody, readVerified } from './blob-response.ts';
import { type ExplicitCredentials, explicitCredentials, findCredentials } from './credentials.ts';
import { endpointsOf } from './endpoints.ts';
import { Host, type HostRequest } from './host.ts';
import { readManifest, readManifestHead } from './manifest-response.ts';
import type { RemoteBody, RemoteRepository, ResolvedManifest } from './remote-repository.ts';
import { defaultRetryPolicy, type RetryPolicy } from './retry.ts';
import { discard, type Timeouts, Transport, type TransportResponse } from './transport.ts';

export interface RepositoryOptions {
  readonly config?: Config;
  /** For the reference's own registry, in place of stored ones; mirrors always use stored ones. */
  readonly credentials?: ExplicitCredentials;
  readonly userAgent?: string;
  /** Cancels everything that the repository does. */
  readonly signal?: AbortSignal;
  /** Where DOCKER_CONFIG, HOME, PATH, the proxies and SSL_CERT_FILE are looked up; process.env by default. */
  readonly env?: NodeJS.ProcessEnv;
  readonly timeouts?: Partial<Timeouts>;
  readonly retry?: Partial<RetryPolicy>;
}

const defaultTimeouts: Omit<Timeouts, 'idle'> = { connect: 10_000, headers: 30_000, document: 60_000 };

/** See `RemoteRepository`. */
export class Repository implements RemoteRepository {
  readonly reference: ImageReference;
  readonly #transport: Transport;
  readonly #hosts: readonly Host[];
  readonly #deadline: number;
  readonly #closed = new AbortController();
  /** Hosts that sent something false. */
  readonly #distrusted = new Set<Host>();
  /** Mirrors that did not answer; they are not waited for again. */
  readonly #silent = new Set<Host>();

  constructor(reference: ImageReference, options: RepositoryOptions) {
    const { config = defaultConfig, env = process.env, signal } = options;
    this.reference = reference;
    const timeouts = { ...defaultTimeouts, idle: config.downloads.idleTimeout * 1000, ...options.timeouts };
    this.#deadline = timeouts.document;
    const userAgent = options.userAgent ?? 'strake';
    this.#transport = new Transport({ proxies: config.proxies, env, timeouts, userAgent });
    const retry = { attempts: config.downloads.attempts, ...defaultRetryPolicy, ...options.retry };
    const given = options.credentials && explicitCredentials(options.credentials);
    const stop = this.#signal(signal);
    this.#hosts = endpointsOf(reference, config).map((endpoint) => {
      const stored = () => findCredentials(endpoint.host, endpoint.path, { env, signal: stop });
      const credentials = given === undefined || endpoint.isMirror ? stored : async () => given;
      return new Host({ endpoint, transport: this.#transport, retry, credentials });
    });
    signal?.addEventListener('abort', () => this.#closed.abort(signal.reason), { once: true });
  }

  async describe(
    wanted = tagOrDigest(this.reference),
    options: { signal?: AbortSignal } = {},
  ): Promise<Descriptor> {
    const asked = this.#asked(wanted);
    const request = this.#manifestRequest(asked, manifestMediaTypes, options.signal);
    const told = await this.#firstHost(request.signal, (host, attempts) =>
      host.request(
        { ...request, method: 'HEAD' },
        (response) => {
          discard(response);
          return readManifestHead(response, asked.digest);
        },
        attempts,
      ),
    );
    return told ?? (await this.resolve(wanted, options)).descriptor;
  }

  resolve(
    wanted = tagOrDigest(this.reference),
    options: { accept?: readonly string[]; signal?: AbortSignal } = {},
  ): Promise<ResolvedManifest> {
    const asked = this.#asked(wanted);
    const request = this.#manifestRequest(asked, options.accept ?? manifestMediaTypes, options.signal);
    return this.#firstHost(request.signal, (host, attempts) =>
      host.request(request, (response) => readManifest(response, asked), attempts),
    );
  }

  async fetchBytes(
    descriptor: Descriptor,
    options: { limit?: number; signal?: AbortSignal } = {},
  ): Promise<Buffer> {
    const limit = options.limit ?? maxImageConfigSize;
    if (descriptor.size > limit) throw tooLarge(descriptor, limit);
    const request = { ...this.#contentRequest(descriptor, options.signal), deadline: this.#deadline };
    return this.#firstHost(request.signal, (host, attempts) =>
      host.request(request, (response) => readVerified(response, descriptor), attempts),
    );
  }

  async fetch(
    descriptor: Descriptor,
    options: { offset?: number; signal?: AbortSignal } = {},
  ): Promise<RemoteBody> {
    const offset = options.offset ?? 0;
    if (offset >= descriptor.size) return emptyBody(this.#hosts[0]?.origin ?? '');
    const plain = this.#contentRequest(descriptor, options.signal);
    const range = { ...plain.headers, range: `bytes=${offset}-` };
    const request = offset === 0 ? plain : { ...plain, headers: range, accept: [416] };
    const wanted = { descriptor, offset, signal: request.signal };
    return this.#firstHost(request.signal, async (host, attempts) => {
      const read = (response: TransportResponse) => openBody(host.origin, response, wanted);
      const body = await host.request(request, read, attempts);
      return (
        body ??
        (await host.request(plain, read, attempts)) ??
        Promise.reject(new Error('416 without a range'))
      );
    });
  }

  async has(descriptor: Descriptor, options: { signal?: AbortSignal } = {}): Promise<boolean> {
    const request: HostRequest = { ...this.#contentRequest(descriptor, options.signal), method: 'HEAD' };
    try {
      await this.#firstHost(request.signal, (host, attempts) => host.request(request, discard, attempts));
      return true;
    } catch (error) {
      if (isEngineError(error) && error.kind === 'notFound') return false;
      throw error;
    }
  }

  distrust(origin: string): void {
    for (const host of this.#hosts) if (host.origin === origin) this.#distrusted.add(host);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort(new Error('the repository was closed'));
    await this.#transport[Symbol.asyncDispose]();
  }

  /**
   * What the first host says that can answer. While there is another one to ask, each gets one attempt only; a mirror that
   * is silent is passed over from then on.
   */
  async #firstHost<T>(
    signal: AbortSignal | undefined,
    ask: (host: Host, attempts?: number) => Promise<T>,
  ): Promise<T> {
    const trusted = this.#hosts.filter((host) => !this.#distrusted.has(host));
    const hosts = trusted.filter((host, at) => at === trusted.length - 1 || !this.#silent.has(host));
    const failures: EngineError[] = [];
    for (const [at, host] of hosts.entries()) {
      const isLast = at === hosts.length - 1;
      try {
        return await ask(host, isLast ? undefined : 1);
      } catch (error) {
        if (signal?.aborted || !isEngineError(error)) throw error;
        if (error.kind === 'unavailable') this.#silent.add(host);
        failures.push(error);
      }
    }
    throw withMirrors(failures, repositoryName(this.reference));
  }

  #asked(wanted: string): { name: string; path: string; digest: Digest | undefined } {
    const name = repositoryName(this.reference);
    const digest = wanted.includes(':') ? parseDigest(wanted) : undefined;
    return { name: digest ? `${name}@${wanted}` : `${name}:${wanted}`, path: `manifests/${wanted}`, digest };
  }

  #manifestRequest(
    asked: { name: string; path: string },
    accept: readonly string[],
    signal: AbortSignal | undefined,
  ): HostRequest {
    return {
      method: 'GET',
      path: asked.path,
      headers: { accept: accept.join(', ') },
      subject: { name: asked.name, kind: 'manifest' },
      deadline: this.#deadline,
      signal: this.#signal(signal),
    };
  }

  #contentRequest(descriptor: Descriptor, signal: AbortSignal | undefined): HostRequest {
    const { mediaType, digest } = descriptor;
    const name = repositoryName(this.reference);
    const common = { method: 'GET', signal: this.#signal(signal) } as const;
    if (!isManifestType(mediaType) && !isIndexType(mediaType)) {
      return { ...common, path: `blobs/${digest}`, subject: { name: `${digest} of ${name}`, kind: 'blob' } };
    }
    const subject = { name: `${name}@${digest}`, kind: 'manifest' } as const;
    return { ...common, path: `manifests/${digest}`, headers: { accept: mediaType }, subject };
  }

  #signal(signal: AbortSignal | undefined): AbortSignal {
    return signal === undefined ? this.#closed.signal : AbortSignal.any([signal, this.#closed.signal]);
  }
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
