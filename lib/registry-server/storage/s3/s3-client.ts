import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as delay } from 'node:timers/promises';
import type { AwsV4Signer } from 'aws4fetch';
import { EngineError } from '../../../errors/index.ts';
import type { S3Location } from './s3-location.ts';

export interface S3Request {
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Milliseconds for an attempt, up to the head of the answer and, without `stream`, to its end: 30 s by default. */
  readonly timeout?: number;
  /** Attempts, of which all but the last may fail by the network or the store: 4 by default. */
  readonly attempts?: number;
  /** Statuses that mean something to the caller, beside 2xx. */
  readonly accept?: readonly number[];
}

export interface S3Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly body: Buffer;
  /** Attempts that it took: what an earlier one did may show in this answer. */
  readonly attempts: number;
}

const firstPause = 100;

/**
 * An S3-compatible store's REST API (Amazon S3 API Reference, 2006-03-01): signed (Signature Version 4, by aws4fetch), tried
 * again when the network or the store fails, errors told in its own words. It knows keys and bytes, and nothing of registries.
 */
export class S3Client {
  readonly location: S3Location;
  readonly #signer: Promise<typeof AwsV4Signer>;
  readonly #keys = new Map<string, ArrayBuffer>();

  constructor(location: S3Location) {
    this.location = location;
    this.#signer = import('aws4fetch').then(({ AwsV4Signer: signer }) => signer);
  }

  /** ERR_OBJECT_STORE: the store cannot be reached, or said no. */
  async send(method: string, key: string, request: S3Request = {}): Promise<S3Answer> {
    const { answer, attempts } = await this.#try(method, key, request, async (response) => ({
      status: response.status,
      headers: response.headers,
      body: Buffer.from(await response.arrayBuffer()),
    }));
    return { ...answer, attempts };
  }

  /** An object's bytes as they come, or a range of them; undefined: it is not there. ERR_OBJECT_STORE */
  async stream(
    key: string,
    range?: { readonly start: number; readonly end: number },
  ): Promise<Readable | undefined> {
    const headers = range ? { range: `bytes=${range.start}-${range.end}` } : {};
    const { answer } = await this.#try('GET', key, { headers, accept: [404] }, async (response) => {
      if (response.status !== 404)
        return Readable.fromWeb(response.body as ReadableStream, { highWaterMark: 1 << 20 });
      await response.body?.cancel();
      return undefined;
    });
    return answer;
  }

  /** A URL by which anybody may GET an object for so many seconds. */
  async presign(key: string, seconds: number): Promise<string> {
    const url = this.#url(key, { 'X-Amz-Expires': String(seconds) });
    const signed = await new (await this.#signer)({ ...this.#signing(), url, signQuery: true }).sign();
    return signed.url.href;
  }

  async #try<T>(
    method: string,
    key: string,
    request: S3Request,
    read: (response: Response) => Promise<T>,
  ): Promise<{ answer: T; attempts: number }> {
    const most = request.attempts ?? 4;
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt >= most;
      try {
        const response = await this.#once(method, key, request, read, isLast);
        if (response !== undefined) return { answer: response.answer, attempts: attempt };
      } catch (error) {
        if (isLast || error instanceof EngineError) throw toStoreError(error, this.#name(method, key));
      }
      await delay(firstPause * 2 ** (attempt - 1) * (0.5 + Math.random()));
    }
  }

  /** Undefined: the store failed for now, and it is worth another attempt. */
  async #once<T>(
    method: string,
    key: string,
    request: S3Request,
    read: (response: Response) => Promise<T>,
    isLast: boolean,
  ): Promise<{ answer: T } | undefined> {
    const { query = {}, headers = {}, body, timeout = 30_000, accept = [] } = request;
    const sha256 = createHash('sha256')
      .update(body ?? '')
      .digest('hex');
    const url = this.#url(key, query);
    const signed = await new (await this.#signer)({
      ...this.#signing(),
      method,
      url,
      headers: { ...headers, 'x-amz-content-sha256': sha256 },
      allHeaders: true,
    }).sign();
    const stop = new AbortController();
    const timer = setTimeout(() => stop.abort(new Error(`no answer within ${timeout} ms`)), timeout);
    try {
      const response = await fetch(signed.url, {
        method,
        headers: signed.headers,
        redirect: 'manual',
        signal: stop.signal,
        ...(body !== undefined && { body: body as Uint8Array<ArrayBuffer> }),
      });
      if (response.ok || accept.includes(response.status)) return { answer: await read(response) };
      const text = await response.text();
      if (!isLast && isPassing(response.status, text)) return undefined;
      throw refused(this.#name(method, key), response.status, text);
    } finally {
      clearTimeout(timer);
    }
  }

  #signing() {
    const { accessKeyId, secretAccessKey, sessionToken, region } = this.location;
    return {
      accessKeyId,
      secretAccessKey,
      ...(sessionToken && { sessionToken }),
      service: 's3',
      region,
      cache: this.#keys,
    };
  }

  #url(key: string, query: Readonly<Record<string, string>>): string {
    const { endpoint, bucket, pathStyle } = this.location;
    const url = new URL(endpoint);
    if (!pathStyle) url.host = `${bucket}.${url.host}`;
    const base = url.pathname.replace(/\/+$/, '');
    const parts = [...(pathStyle ? [bucket] : []), ...(key === '' ? [] : key.split('/'))];
    url.pathname = `${base}/${parts.map(encode).join('/')}`;
    // Not by URLSearchParams, which writes a space as "+": not all stores sign that alike.
    const search = Object.entries(query).map(([name, value]) => `${encode(name)}=${encode(value)}`);
    url.search = search.join('&');
    return url.href;
  }

  #name(method: string, key: string): string {
    return `${method} s3://${this.location.bucket}/${key}`;
  }
}

/** RFC 3986, as Signature Version 4 wants it. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function isPassing(status: number, text: string): boolean {
  return status >= 500 || status === 429 || status === 408 || codeOf(text) === 'ConditionalRequestConflict';
}

function codeOf(text: string): string {
  return /<Code>([^<]{1,100})<\/Code>/.exec(text)?.[1] ?? '';
}

/** ERR_OBJECT_STORE, in the words of the store. */
export function refused(what: string, status: number, text: string): EngineError {
  const message = /<Message>([^<]{1,500})<\/Message>/.exec(text)?.[1] ?? '';
  const said = [codeOf(text), message].filter(Boolean).join(': ');
  return new EngineError('ERR_OBJECT_STORE', `${what}: the store answered ${status}${said && ` ${said}`}`, {
    details: { status, code: codeOf(text) },
  });
}

function toStoreError(cause: unknown, what: string): EngineError {
  if (cause instanceof EngineError) return cause;
  const { message, cause: inner } = cause as Error & { cause?: Error };
  return new EngineError('ERR_OBJECT_STORE', `${what}: ${inner?.message ?? message}`, { cause });
}
