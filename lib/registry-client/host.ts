import { Authorizer } from './authorizer.ts';
import type { Credentials } from './credentials.ts';
import type { Endpoint } from './endpoints.ts';
import { aborted, explainNetworkError, isNoTls, Transient } from './network-error.ts';
import { asForeign, sendFollowing } from './redirect.ts';
import { refusal, type Subject } from './refusal.ts';
import { type RetryPolicy, retrying } from './retry.ts';
import { joinSignals } from './signals.ts';
import {
  discard,
  type RequestBody,
  type Transport,
  type TransportRequest,
  type TransportResponse,
} from './transport.ts';

export interface HostOptions {
  readonly endpoint: Endpoint;
  readonly transport: Transport;
  readonly retry: RetryPolicy;
  readonly credentials: () => Promise<Credentials | undefined>;
  /** Scopes of the tokens that are asked for, whatever the host's own challenge says. Default: to pull, as it says. */
  readonly scopes?: readonly string[];
}

/** A request to a repository, relative to it. */
export interface HostRequest {
  readonly method: TransportRequest['method'];
  /** `manifests/<tag>` or `blobs/<digest>`; or a URL that the host gave, such as an upload's. */
  readonly path: string | URL;
  readonly body?: RequestBody | undefined;
  readonly patience?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** `name` and `kind` of what is asked for. */
  readonly subject: Pick<Subject, 'name' | 'kind'>;
  /** Statuses from 400 on that are an answer and no error. */
  readonly accept?: readonly number[];
  /** Makes the error that a refusal means. Default: `refusal`, in the words of a pull. */
  readonly explain?: typeof refusal;
  /** Milliseconds for one attempt, body included. */
  readonly deadline?: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * One host that answers for a repository: requests go out with what it wants to see, follow its redirects, and are
 * repeated while its trouble may pass.
 */
export class Host {
  readonly endpoint: Endpoint;
  readonly #transport: Transport;
  readonly #retry: RetryPolicy;
  readonly #authorizer: Authorizer;
  /** The one of the endpoint's origins that answered. */
  #origin: string | undefined;

  constructor({ endpoint, transport, retry, credentials, scopes }: HostOptions) {
    this.endpoint = endpoint;
    this.#transport = transport;
    this.#retry = retry;
    const scope = endpoint.path === '' ? '' : `repository:${endpoint.path}:pull`;
    this.#authorizer = new Authorizer({ transport, scope, credentials, ...(scopes && { scopes }) });
  }

  /** How `distrust` and errors call this host. */
  get origin(): string {
    return this.#origin ?? this.endpoint.origins[0] ?? this.endpoint.host;
  }

  /**
   * Sends a request and hands the response, of a status below 400 or one that is accepted, to `read`; an attempt that fails
   * in `read` is repeated like one that fails before. `attempts` limits the policy's.
   * @throws EngineError ERR_*_NOT_FOUND, ERR_REGISTRY_*, ERR_ABORTED; what `read` throws
   */
  request<T>(
    request: HostRequest,
    read: (response: TransportResponse) => T | Promise<T>,
    attempts = this.#retry.attempts,
  ): Promise<T> {
    const policy = { ...this.#retry, attempts: Math.min(attempts, this.#retry.attempts) };
    return retrying(() => this.attempt(request, read), policy, request.signal);
  }

  /**
   * One attempt of `request`, for callers that decide themselves what a second one is.
   * @throws Transient when a later attempt may do better; what `request` throws
   */
  async attempt<T>(request: HostRequest, read: (response: TransportResponse) => T | Promise<T>): Promise<T> {
    const timed = joinSignals([request.signal], request.deadline);
    const signal = request.deadline === undefined ? request.signal : timed.signal;
    try {
      return await read(await this.#respond({ ...request, signal }));
    } catch (cause) {
      if (request.signal?.aborted) throw aborted(request.signal);
      const url = new URL(this.origin);
      throw explainNetworkError(cause, url, this.#transport.proxyOf(url));
    } finally {
      timed.release();
    }
  }

  async #respond(request: HostRequest): Promise<TransportResponse> {
    const tried = this.#authorizer.current();
    let response = await this.#send(request, tried);
    if (response.status === 401 && response.url.origin === this.#origin) {
      response = await this.#sendAgain(request, response, tried);
    }
    if (response.status < 400 || request.accept?.includes(response.status)) return response;
    throw await this.#refusal(request, response);
  }

  async #sendAgain(
    request: HostRequest,
    response: TransportResponse,
    tried: string | undefined,
  ): Promise<TransportResponse> {
    const header = response.headers['www-authenticate'] ?? '';
    const refused = { header, origin: response.url, tried, subject: this.#subject(request) };
    const answer = await this.#authorizer.answer(refused, request.signal);
    if (answer === undefined) return response;
    discard(response);
    return this.#send(request, answer);
  }

  async #refusal(request: HostRequest, response: TransportResponse): Promise<unknown> {
    const error = await (request.explain ?? refusal)(response, this.#subject(request));
    const isStorage = response.url.origin !== this.#origin;
    const expired = isStorage && (response.status === 401 || response.status === 403);
    return expired && !(error instanceof Transient) ? new Transient(error) : error;
  }

  #subject({ subject }: HostRequest): Subject {
    return { ...subject, registry: this.endpoint.host, ...this.#authorizer.describe() };
  }

  /** Sends to the origin that is known to answer, or to the first that does. */
  async #send(request: HostRequest, authorization: string | undefined): Promise<TransportResponse> {
    if (request.path instanceof URL) return this.#sendTo(request.path, request, authorization);
    const origins = this.#origin === undefined ? this.endpoint.origins : [this.#origin];
    const last = origins.at(-1);
    for (const origin of origins) {
      const repository = this.endpoint.path === '' ? '' : `${this.endpoint.path}/`;
      const url = new URL(`${origin}/v2/${repository}${request.path}`);
      try {
        const response = await this.#sendTo(url, request, authorization);
        this.#origin = origin;
        return response;
      } catch (error) {
        if (request.signal?.aborted || origin === last || !isNoTls(error)) throw error;
      }
    }
    throw new Error('an endpoint has at least one origin');
  }

  /** A URL that the host gave may be somebody else's, who gets no credentials. */
  #sendTo(url: URL, request: HostRequest, authorization: string | undefined): Promise<TransportResponse> {
    const { method, headers, body, patience, signal } = request;
    const plain = { method, url, headers: headers ?? {}, body, patience, tls: this.endpoint.tls, signal };
    const authorized = {
      ...plain,
      headers: { ...headers, ...(authorization !== undefined && { authorization }) },
    };
    const isForeign = this.#origin !== undefined && url.origin !== new URL(this.#origin).origin;
    return sendFollowing(this.#transport, isForeign ? asForeign(plain) : authorized);
  }
}
