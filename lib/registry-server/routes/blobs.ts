import type { Readable } from 'node:stream';
import { isNotModified, parseRange, sendFile, sendStream, strongEtag } from '../../http/index.ts';
import { type ContentDigest, parseContentDigest } from '../content-digest.ts';
import { type Exchange, type Handler, needing, reply, repositoryOf } from '../exchange.ts';
import { blobKey } from '../keys.ts';
import { tryReadManifestDocument } from '../manifest-document.ts';
import { Refusal } from '../refusal.ts';
import type { Repository } from '../repository.ts';

/** Seconds for which a client may begin to read from where it is sent. */
const urlSeconds = 1200;

/** `GET` and `HEAD /v2/NAME/blobs/DIGEST` (end-2, end-10), whole or a range of it. */
export const getBlob: Handler = {
  needs: needing('pull'),
  answer: async (exchange) => {
    const repository = repositoryOf(exchange);
    const digest = parseContentDigest(exchange.parameters.digest ?? '');
    const blob = await findBlob(exchange, repository, digest);
    const etag = strongEtag(digest);
    const headers = { 'docker-content-digest': digest, etag, 'cache-control': 'max-age=31536000' };
    if (isNotModified(exchange.request.headers['if-none-match'], etag)) return reply(exchange, 304, headers);
    // A URL tells nothing of who asked: what it leads to must not be kept longer than it leads there.
    const url = exchange.request.method === 'GET' ? await blob.url?.() : undefined;
    if (url !== undefined)
      return reply(exchange, 307, { ...headers, location: url, 'cache-control': 'no-store' });
    await sendBlob(exchange, digest, blob, headers);
  },
};

/** `DELETE /v2/NAME/blobs/DIGEST` (end-10). What a manifest of the repository needs stays: 405, as the spec allows. */
export const deleteBlob: Handler = {
  needs: needing('delete'),
  answer: async (exchange) => {
    const repository = repositoryOf(exchange);
    const digest = parseContentDigest(exchange.parameters.digest ?? '');
    const user = await manifestWith(repository, digest);
    if (user !== undefined)
      throw new Refusal('UNSUPPORTED', `blob ${digest} is part of manifest ${user}: delete that first`, {
        detail: { digest, manifest: user },
      });
    if (!(await repository.removeBlob(digest))) throw blobUnknown(digest);
    const by = exchange.identity.name;
    exchange.registry.announce({ action: 'delete', repository: repository.name, digest, by });
    reply(exchange, 202);
  },
};

/** A blob that can be sent. */
interface ServedBlob {
  /** bytes */
  readonly size: number;
  /** The file that it is on this machine, if it is one and is not being moved. */
  readonly path?: string | undefined;
  /** Where the client may get it itself, if it may. */
  readonly url?: () => Promise<string | undefined>;
  /** From `start` to `end` inclusive. */
  readonly open: (range: { start: number; end: number }) => Promise<Readable | undefined>;
}

/** What is here, or is to be had from upstream. Throws Refusal BLOB_UNKNOWN. */
async function findBlob(
  exchange: Exchange,
  repository: Repository,
  digest: ContentDigest,
): Promise<ServedBlob> {
  const { registry, request, identity } = exchange;
  const mirror = await registry.mirrors.find(repository.name);
  const size = await repository.blobSize(digest);
  if (size !== undefined) {
    // Whoever asks for a blob by HEAD may be about to push a manifest with it; what is asked for of a mirror is evicted last.
    const isNeeded = request.method === 'HEAD' ? identity.may(repository.name, 'push') : mirror !== undefined;
    if (isNeeded) await repository.needBlob(digest);
    return {
      size,
      path: registry.storage.path?.(blobKey(digest)),
      url: async () => registry.storage.url?.(blobKey(digest), urlSeconds),
      open: (range) => registry.storage.open(blobKey(digest), range),
    };
  }
  const upstreamSize = await mirror?.sizeOf(digest);
  if (mirror === undefined || upstreamSize === undefined) throw blobUnknown(digest);
  return {
    size: upstreamSize,
    open: async ({ start, end }) => (await mirror.download(digest))?.read(start, end),
  };
}

async function sendBlob(
  exchange: Exchange,
  digest: ContentDigest,
  { size, path, open }: ServedBlob,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const { request, response } = exchange;
  const isFresh = request.headers['if-range'] === undefined || request.headers['if-range'] === headers.etag;
  const range = isFresh && request.method === 'GET' ? parseRange(request.headers.range, size) : 'whole';
  if (range === 'unsatisfiable')
    throw new Refusal(
      'RANGE_INVALID',
      `blob ${digest} has ${size} bytes: there are none in ${request.headers.range}`,
      {
        headers: { 'content-range': `bytes */${size}` },
      },
    );
  const { start, end } = range === 'whole' ? { start: 0, end: size - 1 } : range;
  const partial = range === 'whole' ? {} : { 'content-range': `bytes ${start}-${end}/${size}` };
  const all = {
    'content-type': 'application/octet-stream',
    'content-length': end - start + 1,
    'accept-ranges': 'bytes',
    ...headers,
    ...partial,
  };
  const status = range === 'whole' ? 200 : 206;
  if (request.method === 'HEAD' || size === 0) return void response.writeHead(status, all).end();
  const isSent =
    path !== undefined &&
    (await sendFile(response, path, { start, end }, () => response.writeHead(status, all)));
  if (isSent) return;
  const body = await open({ start, end });
  if (body === undefined) throw blobUnknown(digest);
  response.writeHead(status, all);
  await sendStream(response, body);
}

async function manifestWith(
  repository: Repository,
  digest: ContentDigest,
): Promise<ContentDigest | undefined> {
  for (const one of await repository.manifests()) {
    const manifest = await repository.manifest(one);
    if (manifest === undefined) continue;
    const document = tryReadManifestDocument(manifest.bytes, manifest.mediaType);
    if (document?.blobs.some((blob) => blob.digest === digest)) return one;
  }
  return undefined;
}

export function blobUnknown(digest: ContentDigest): Refusal {
  return new Refusal('BLOB_UNKNOWN', `the repository has no blob ${digest}`, { detail: { digest } });
}
