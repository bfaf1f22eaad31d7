import { readFile } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import * as nodeTls from 'node:tls';
import type { Dispatcher } from 'undici';
import type { ProxyConfig, TlsConfig } from '../config/index.ts';
import { EngineError } from '../errors/index.ts';
import { ByteQueue } from './byte-queue.ts';
import { proxyFor } from './proxy.ts';

/** Milliseconds. */
export interface Timeouts {
  /** To connect, TLS included. */
  readonly connect: number;
  /** From the request to the end of the response's headers. */
  readonly headers: number;
  /** Between two pieces of a body. */
  readonly idle: number;
  /** For a whole manifest, config or token. */
  readonly document: number;
}

export interface TransportOptions {
  readonly proxies: ProxyConfig;
  readonly env: NodeJS.ProcessEnv;
  readonly timeouts: Timeouts;
  readonly userAgent: string;
}

/** A body that is sent: at hand, or opened for each time that it is sent. `length` in bytes. */
export type RequestBody =
  | string
  | Uint8Array
  | { readonly length: number; readonly open: () => AsyncIterable<Uint8Array> };

export interface TransportRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly url: URL;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: RequestBody | undefined;
  /** Milliseconds from the end of the body to that of the response's headers, in place of the transport's. */
  readonly patience?: number | undefined;
  readonly tls?: TlsConfig | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A response whose headers are there and whose body is arriving: read it, or `discard` it. */
export interface TransportResponse {
  readonly url: URL;
  readonly status: number;
  /** Names in lower case; of a header that came several times the values are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: ByteQueue;
}

/**
 * Sends one HTTP/1.1 request and nothing more: no redirect, no retry, no credentials. Connections are kept and shared by
 * requests of the same TLS settings. Errors are undici's and Node's own; `network-error.ts` explains them.
 */
export class Transport implements AsyncDisposable {
  readonly #options: TransportOptions;
  readonly #dispatchers = new Map<string, Promise<Dispatcher>>();

  constructor(options: TransportOptions) {
    this.#options = options;
  }

  async send(request: TransportRequest): Promise<TransportResponse> {
    request.signal?.throwIfAborted();
    const dispatcher = await this.#dispatcherFor(request);
    return dispatch(dispatcher, request, {
      'user-agent': this.#options.userAgent,
      'accept-encoding': 'identity',
      ...request.headers,
    });
  }

  /** The proxy by which a URL is reached, for errors. */
  proxyOf(url: URL): string | undefined {
    return proxyFor(url, this.#options.proxies, this.#options.env);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled(this.#dispatchers.values());
    this.#dispatchers.clear();
    await Promise.all(opened.map((result) => result.status === 'fulfilled' && result.value.destroy()));
  }

  #dispatcherFor({ url, tls }: TransportRequest): Promise<Dispatcher> {
    const proxy = this.proxyOf(url);
    const key = JSON.stringify([proxy, tls]);
    const existing = this.#dispatchers.get(key);
    if (existing) return existing;
    const opened = this.#open(proxy, tls);
    this.#dispatchers.set(key, opened);
    return opened;
  }

  async #open(proxy: string | undefined, tls: TlsConfig | undefined): Promise<Dispatcher> {
    const { Agent, ProxyAgent } = await import('undici');
    const { timeouts, env } = this.#options;
    const connect = { timeout: timeouts.connect, ...(await tlsOptions(tls, env)) };
    const common = { headersTimeout: timeouts.headers, bodyTimeout: timeouts.idle, pipelining: 1 };
    if (proxy === undefined) return new Agent({ ...common, connect });
    return new ProxyAgent({
      ...common,
      uri: proxy,
      requestTls: connect,
      proxyTls: connect,
      proxyTunnel: false,
    });
  }
}

/** Lets a response go whose body is of no interest; a short one is read, so that its connection can serve again. */
export function discard(response: TransportResponse): void {
  const drain = async () => {
    let size = 0;
    for await (const piece of response.body) {
      size += piece.length;
      if (size > 64 * 1024) break;
    }
  };
  drain().catch(() => undefined);
}

function dispatch(
  dispatcher: Dispatcher,
  request: TransportRequest,
  headers: Record<string, string>,
): Promise<TransportResponse> {
  const { url, method, body, patience, signal } = request;
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let queue: ByteQueue | undefined;
    const abort = () => {
      reject(signal?.reason);
      queue?.end(signal?.reason);
      controller?.abort(signal?.reason);
    };
    const finish = (error?: unknown) => {
      signal?.removeEventListener('abort', abort);
      if (error !== undefined) reject(error);
      queue?.end(error);
    };
    signal?.addEventListener('abort', abort, { once: true });
    dispatcher.dispatch(
      {
        origin: url.origin,
        path: url.pathname + url.search,
        method,
        headers: { ...headers, ...lengthOf(body) },
        ...(body !== undefined && { body: openBody(body) }),
        ...(patience !== undefined && { headersTimeout: patience }),
      },
      {
        onRequestStart(started) {
          controller = started;
          if (signal?.aborted) started.abort(signal.reason);
        },
        onResponseStart(current, status, received) {
          if (status < 200) return;
          queue = new ByteQueue({
            pause: () => current.pause(),
            resume: () => current.resume(),
            close: () => current.abort(new Error('the body was not wanted')),
          });
          resolve({ url, status, headers: flatten(received), body: queue });
        },
        onResponseData: (_, piece) => queue?.push(piece),
        onResponseEnd: () => finish(),
        onResponseError: (_, error) => finish(error),
      },
    );
  });
}

function lengthOf(body: RequestBody | undefined): Record<string, string> {
  return typeof body === 'object' && 'open' in body ? { 'content-length': String(body.length) } : {};
}

/** Undici takes an iterable, though its types do not say so (its docs, "Client.dispatch"). */
function openBody(body: RequestBody): string | Uint8Array | Readable {
  return typeof body === 'object' && 'open' in body ? (body.open() as unknown as Readable) : body;
}

function flatten(headers: NodeJS.Dict<string | string[]>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
}

interface TlsOptions {
  ca?: string[];
  cert?: string;
  key?: string;
  rejectUnauthorized?: false;
}

/** Node's own roots are kept beside a configured CA, as they are beside SSL_CERT_FILE (which Go programs obey, too). */
async function tlsOptions(tls: TlsConfig | undefined, env: NodeJS.ProcessEnv): Promise<TlsOptions> {
  const [ca, extra, cert, key] = await Promise.all(
    [tls?.ca, env.SSL_CERT_FILE, tls?.cert, tls?.key].map((path) => (path ? readPem(path) : undefined)),
  );
  const added = [ca, extra].filter((pem) => pem !== undefined);
  return {
    ...(added.length > 0 && { ca: [...defaultRoots(), ...added] }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(tls?.skipVerify && { rejectUnauthorized: false }),
  };
}

/** With what NODE_EXTRA_CA_CERTS adds, where Node tells (from 22.15 on). */
function defaultRoots(): readonly string[] {
  const { getCACertificates } = nodeTls as { getCACertificates?: (type: 'default') => string[] };
  return getCACertificates?.('default') ?? nodeTls.rootCertificates;
}

async function readPem(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new EngineError('ERR_CONFIG_INVALID', `cannot read the certificate file ${path}`, {
      cause,
      details: { path },
    });
  }
}
