import { EngineError } from '../errors/index.ts';
import type { Descriptor } from '../oci/index.ts';
import type { Host, HostRequest } from './host.ts';
import { Transient } from './network-error.ts';
import { target } from './redirect.ts';
import type { Subject } from './refusal.ts';
import type { BlobToSend, PutBlobOptions } from './remote-sink.ts';
import { type RetryPolicy, retrying } from './retry.ts';
import { discard, type RequestBody, type TransportResponse } from './transport.ts';
import { uploadRefusal } from './upload-refusal.ts';

/** What is sent in one request, since sending it again costs little. */
const wholeLimit = 4 * 1024 * 1024;
/** Bytes of a piece for a registry that takes no larger ones. */
const smallChunk = 8 * 1024 * 1024;
/** Milliseconds that a registry may take to move and verify what it has got. */
const finishingPatience = 300_000;
/** Repositories that are tried one after the other; each takes a request. */
const maxMounts = 2;

const octets = { 'content-type': 'application/octet-stream' };

/** Answers to a PATCH that say that the registry takes no streams. */
const noStreams = new Set([404, 405, 501]);

/**
 * The upload of one blob (OCI distribution-spec 1.1, "Pushing a blob in chunks"): begun by POST, streamed by as few PATCH
 * as the registry takes, closed by PUT. After a cut the registry is asked how much it keeps, and the rest follows; when it
 * does not know, all is sent again in a new session.
 */
export class BlobUpload {
  readonly #host: Host;
  readonly #blob: BlobToSend;
  readonly #options: PutBlobOptions;
  readonly #subject: Pick<Subject, 'name' | 'kind'>;
  /** Where the next request of the session goes. */
  #location: URL | undefined;
  /** Bytes that the registry keeps. */
  #kept = 0;
  /** The most that it ever kept: whether an attempt brought something. */
  #most = 0;
  #failed = false;
  #mode: 'whole' | 'stream' | 'chunks';
  #chunk = Number.POSITIVE_INFINITY;

  constructor(host: Host, repository: string, blob: BlobToSend, options: PutBlobOptions) {
    this.#host = host;
    this.#blob = blob;
    this.#options = options;
    const { digest, size } = blob.descriptor;
    this.#subject = { name: `${digest} of ${repository}`, kind: 'blob' };
    this.#mode = size <= wholeLimit ? 'whole' : 'stream';
  }

  async run(policy: RetryPolicy): Promise<'mounted' | 'sent'> {
    let before = 0;
    const attempt = async () => {
      before = this.#most;
      try {
        return await this.#attempt();
      } catch (error) {
        if (error instanceof Transient) this.#options.onRetry?.();
        this.#failed = true;
        throw error;
      }
    };
    return retrying(attempt, policy, this.#options.signal, () => this.#most > before);
  }

  async #attempt(): Promise<'mounted' | 'sent'> {
    if (this.#failed && (await this.#isThere())) return 'sent';
    if (this.#location !== undefined) await this.#synchronize();
    for (;;) {
      if (this.#location === undefined && (await this.#begin())) return 'mounted';
      if (this.#mode === 'whole' || (await this.#sendPieces())) break;
    }
    await this.#close();
    return 'sent';
  }

  #isThere(): Promise<boolean> {
    const { digest } = this.#blob.descriptor;
    return this.#ask(
      { method: 'HEAD', path: `blobs/${digest}`, accept: [404] },
      ({ status }) => status === 200,
    );
  }

  /** After a failure: goes on where the registry stands. One that does not say so clearly begins anew. */
  async #synchronize(): Promise<void> {
    if (this.#mode === 'whole') return this.#forget();
    const request = { method: 'GET', path: this.#at(), accept: [400, 401, 403, 404, 405, 416] } as const;
    const kept = await this.#ask(request, (response) => {
      if (response.status >= 400) return undefined;
      this.#follow(response);
      return keptBytes(response);
    });
    if (kept === undefined || kept > this.#blob.descriptor.size) return this.#forget();
    this.#keep(kept);
  }

  /** A new session, or the blob itself from another repository: then true. */
  async #begin(): Promise<boolean> {
    const candidates = this.#failed ? [] : (this.#options.mountFrom ?? []).slice(0, maxMounts);
    for (const from of candidates) {
      this.#forget();
      if (await this.#mount(from)) return true;
    }
    if (this.#location === undefined) {
      await this.#ask({ method: 'POST', path: 'blobs/uploads/' }, (response) => this.#follow(response));
    }
    if (this.#location === undefined) throw noLocation(this.#host.endpoint.host);
    return false;
  }

  /** A registry that will not, or may not, answers with a session as for any upload, or refuses. */
  #mount(from: string): Promise<boolean> {
    const query = new URLSearchParams({ mount: this.#blob.descriptor.digest, from });
    const request = {
      method: 'POST',
      path: `blobs/uploads/?${query}`,
      accept: [400, 401, 403, 404, 405],
    } as const;
    return this.#ask(request, (response) => {
      if (response.status === 202) this.#follow(response);
      return response.status === 201;
    });
  }

  /** Whether all was sent; false: the session is of no use, and the next one will be used in another way. */
  async #sendPieces(): Promise<boolean> {
    const { size } = this.#blob.descriptor;
    while (this.#kept < size) {
      const before = this.#kept;
      if (!(await this.#patch(Math.min(this.#chunk, size - before)))) return false;
      if (this.#kept <= before) throw new Transient(interrupted(this.#blob.descriptor, this.#kept));
    }
    return true;
  }

  #patch(length: number): Promise<boolean> {
    const start = this.#kept;
    const range = { 'content-range': `${start}-${start + length - 1}` };
    const request = {
      method: 'PATCH',
      path: this.#at(),
      headers: { ...octets, ...((start > 0 || this.#mode === 'chunks') && range) },
      body: this.#piece(start, length),
      accept: [404, 405, 416, 501, ...(this.#mode === 'stream' ? [413] : [])],
      patience: finishingPatience,
    } as const;
    return this.#ask(request, (response) => this.#takeAnswer(response, start + length));
  }

  #takeAnswer(response: TransportResponse, end: number): boolean {
    const { status } = response;
    if (status === 413) return this.#useSmallChunks(response);
    if (noStreams.has(status) && this.#kept === 0) {
      this.#mode = 'whole';
      this.#forget();
      return false;
    }
    if (noStreams.has(status)) this.#forget();
    else this.#follow(response);
    const kept = status < 400 && response.headers.range === undefined ? end : keptBytes(response);
    if (this.#location !== undefined && kept !== undefined && kept <= end) this.#keep(kept);
    else throw this.#lost();
    return true;
  }

  #useSmallChunks(response: TransportResponse): false {
    const least = Number(response.headers['oci-chunk-min-length'] ?? 0);
    this.#chunk = Math.max(smallChunk, Number.isSafeInteger(least) ? least : 0);
    this.#mode = 'chunks';
    this.#forget();
    return false;
  }

  /** The registry verifies the blob and gives it its name. */
  async #close(): Promise<void> {
    const { digest, size } = this.#blob.descriptor;
    const url = this.#at();
    url.search += `${url.search === '' ? '?' : '&'}digest=${encodeURIComponent(digest)}`;
    const whole = this.#mode === 'whole' && { headers: octets, body: this.#piece(0, size) };
    const request = { method: 'PUT', path: url, ...whole, accept: [404, 416] } as const;
    await this.#ask({ ...request, patience: finishingPatience }, (response) => {
      if (response.status === 404) this.#forget();
      if (response.status >= 400) throw this.#lost();
    });
  }

  #piece(start: number, length: number): RequestBody {
    return { length, open: () => this.#read(start, length) };
  }

  async *#read(start: number, length: number): AsyncGenerator<Uint8Array> {
    let left = length;
    for await (const piece of this.#blob.open(start)) {
      const taken = piece.length > left ? piece.subarray(0, left) : piece;
      if (taken.length > 0) yield taken;
      left -= taken.length;
      this.#options.onProgress?.(start + length - left);
      if (left === 0) return;
    }
  }

  #keep(kept: number): void {
    this.#kept = kept;
    this.#most = Math.max(this.#most, kept);
    this.#options.onProgress?.(kept);
  }

  /** The session's next address, which the registry gives with each answer. Behind a proxy it may not know its own scheme. */
  #follow({ headers, url }: TransportResponse): void {
    if (headers.location === undefined) return;
    const told = URL.canParse(headers.location, url.href) ? new URL(headers.location, url.href) : undefined;
    if (told?.host === url.host && told.protocol === 'http:') told.protocol = url.protocol;
    this.#location = target(told?.href ?? headers.location, url);
  }

  #at(): URL {
    if (this.#location === undefined) throw noLocation(this.#host.endpoint.host);
    return new URL(this.#location);
  }

  /** Gives up the session, if there is one; the registry need not keep its bytes. */
  #forget(): void {
    const path = this.#location;
    this.#location = undefined;
    this.#kept = 0;
    if (path === undefined) return;
    this.#ask({ method: 'DELETE', path, accept: [400, 401, 403, 404, 405] }, discard).catch(() => undefined);
  }

  #lost(): Transient {
    return new Transient(interrupted(this.#blob.descriptor, this.#kept));
  }

  #ask<T>(
    request: Omit<HostRequest, 'subject' | 'explain' | 'signal'>,
    read: (response: TransportResponse) => T,
  ): Promise<T> {
    const { signal } = this.#options;
    const asked = { ...request, subject: this.#subject, explain: uploadRefusal, signal };
    return this.#host.attempt(asked, (response) => {
      discard(response);
      return read(response);
    });
  }
}

/**
 * Bytes that a session keeps, from its Range header, `0-99`. Registries say `0-0` for nothing as for one byte: both are
 * as good as nothing.
 */
function keptBytes({ headers }: TransportResponse): number | undefined {
  const end = /^(?:bytes=)?0-([0-9]{1,15})$/.exec(headers.range ?? '')?.[1];
  return end === undefined || end === '0' ? undefined : Number(end) + 1;
}

function interrupted({ digest, size }: Descriptor, kept: number): EngineError {
  return new EngineError(
    'ERR_UPLOAD_INTERRUPTED',
    `the upload of ${digest} was cut after ${kept} of ${size} bytes, and the registry does not go on with it: push again`,
    { details: { digest, size, kept } },
  );
}

function noLocation(host: string): EngineError {
  return new EngineError(
    'ERR_REGISTRY_RESPONSE',
    `${host} began an upload without saying where to (no Location)`,
    {
      details: { host },
    },
  );
}
