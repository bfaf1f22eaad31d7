import { type Config, defaultConfig } from '../config/index.ts';
import type { ImageReference } from '../reference/index.ts';
import { type ExplicitCredentials, explicitCredentials, findCredentials } from './credentials.ts';
import { type Endpoint, endpointsOf, wholeRegistry } from './endpoints.ts';
import { Host } from './host.ts';
import { defaultRetryPolicy, type RetryPolicy } from './retry.ts';
import { type JoinedSignal, joinSignals } from './signals.ts';
import { type Timeouts, Transport } from './transport.ts';

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

/** What all requests to one repository share: the hosts that answer for it, their connections, and when all ends. */
export class Connection implements AsyncDisposable {
  /** Mirrors in their order, the registry last. */
  readonly hosts: readonly Host[];
  readonly retry: RetryPolicy;
  /** Milliseconds for a whole document. */
  readonly deadline: number;
  readonly #transport: Transport;
  readonly #closed = new AbortController();
  readonly #unfollow: () => void;

  /**
   * `scopes`: see HostOptions. `whole`: the reference's registry as a whole, whatever its path, and no mirror.
   * @throws EngineError ERR_CREDENTIALS_INVALID when the credentials given are incomplete
   */
  constructor(
    reference: ImageReference,
    options: RepositoryOptions,
    { scopes, whole = false }: { scopes?: readonly string[]; whole?: boolean } = {},
  ) {
    const { config = defaultConfig, env = process.env, signal } = options;
    const timeouts = { ...defaultTimeouts, idle: config.downloads.idleTimeout * 1000, ...options.timeouts };
    this.deadline = timeouts.document;
    this.retry = { attempts: config.downloads.attempts, ...defaultRetryPolicy, ...options.retry };
    const userAgent = options.userAgent ?? 'strake';
    this.#transport = new Transport({ proxies: config.proxies, env, timeouts, userAgent });
    const given = options.credentials && explicitCredentials(options.credentials);
    const credentialsFor = (endpoint: Endpoint) => {
      if (given !== undefined && !endpoint.isMirror) return async () => given;
      return () => findCredentials(endpoint.host, endpoint.path, { env, signal: this.#closed.signal });
    };
    const endpoints = whole ? [wholeRegistry(reference.domain, config)] : endpointsOf(reference, config);
    this.hosts = endpoints.map((endpoint) => {
      const common = { endpoint, transport: this.#transport, retry: this.retry };
      return new Host({ ...common, credentials: credentialsFor(endpoint), ...(scopes && { scopes }) });
    });
    const stop = () => this.#closed.abort(signal?.reason);
    signal?.addEventListener('abort', stop, { once: true });
    this.#unfollow = () => signal?.removeEventListener('abort', stop);
    if (signal?.aborted) stop();
  }

  /** The caller's signal, joined with the end of the connection. */
  join(signal: AbortSignal | undefined): JoinedSignal {
    return joinSignals([signal, this.#closed.signal]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#unfollow();
    this.#closed.abort(new Error('the repository was closed'));
    await this.#transport[Symbol.asyncDispose]();
  }
}
