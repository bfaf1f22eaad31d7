import { randomUUID } from 'node:crypto';
import type { OutgoingHttpHeaders } from 'node:http';
import { EngineError, isEngineError } from '../../errors/index.ts';
import { algorithmOf, algorithms, type ContentDigest, parseContentDigest } from '../content-digest.ts';
import { type Exchange, type Handler, needing, reply, repositoryOf } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import { listRepositories, Repository } from '../repository.ts';
import { parseRepositoryName, type RepositoryName } from '../repository-name.ts';
import { readContentRange } from './content-range.ts';
import { limitedBody, tooLarge } from './limited-body.ts';
import { requireOwn } from './mirrored.ts';

/** Repositories that are looked through for a blob whose place is not said. */
const mostSources = 1000;

/** `POST /v2/NAME/blobs/uploads/`: begin (end-4a), upload in one request (end-4b), or mount (end-11). */
export const beginUpload: Handler = {
  needs: needing('push'),
  answer: async (exchange) => {
    const { query, registry } = exchange;
    const repository = repositoryOf(exchange);
    await requireOwn(exchange, repository);
    requireAlgorithm(query.get('digest-algorithm'));
    const mounted = query.get('mount');
    if (mounted !== null && (await mountBlob(exchange, repository, parseContentDigest(mounted)))) return;
    const digest = query.get('digest');
    const wanted = digest === null ? undefined : parseContentDigest(digest);
    const id = randomUUID();
    await registry.storage.uploads.begin(id, JSON.stringify({ repository: repository.name }));
    if (wanted === undefined) return accepted(exchange, repository, id, 0);
    try {
      await receive(exchange, repository, { id, size: 0 });
      await finish(exchange, repository, id, wanted);
    } catch (error) {
      await forget(exchange, id);
      throw error;
    }
  },
};

/** What a client says of the digest to come (end-4c); whichever of ours it is. Throws Refusal DIGEST_INVALID. */
function requireAlgorithm(name: string | null): void {
  if (name === null || (algorithms as readonly string[]).includes(name)) return;
  const shown = name.slice(0, 50);
  throw new Refusal('DIGEST_INVALID', `${shown} is none of the algorithms here: ${algorithms.join(', ')}`, {
    detail: { algorithm: shown },
  });
}

/** `GET /v2/NAME/blobs/uploads/ID` (end-13): how much has arrived. */
export const getUpload: Handler = {
  needs: needing('push'),
  answer: async (exchange) => {
    const { id, size } = await findUpload(exchange);
    reply(exchange, 204, uploadHeaders(repositoryOf(exchange), id, size));
  },
};

/** `PATCH /v2/NAME/blobs/uploads/ID` (end-5): the next bytes. Without `Content-Range` they are what follows. */
export const patchUpload: Handler = {
  needs: needing('push'),
  answer: async (exchange) => {
    const repository = repositoryOf(exchange);
    const upload = await findUpload(exchange);
    accepted(exchange, repository, upload.id, await receive(exchange, repository, upload));
  },
};

/** `PUT /v2/NAME/blobs/uploads/ID?digest=D` (end-6): the last bytes, if any, and the end. */
export const putUpload: Handler = {
  needs: needing('push'),
  answer: async (exchange) => {
    const repository = repositoryOf(exchange);
    const digest = parseContentDigest(exchange.query.get('digest') ?? '');
    const upload = await findUpload(exchange);
    if (hasBody(exchange)) await receive(exchange, repository, upload);
    await finish(exchange, repository, upload.id, digest);
  },
};

/** `DELETE /v2/NAME/blobs/uploads/ID` (end-14). */
export const deleteUpload: Handler = {
  needs: needing('push'),
  answer: async (exchange) => {
    const { id } = await findUpload(exchange);
    await forget(exchange, id);
    reply(exchange, 204);
  },
};

interface FoundUpload {
  readonly id: string;
  /** bytes */
  readonly size: number;
  readonly note?: string;
}

/** The upload that the path names, if it is one of this repository's. */
async function findUpload(exchange: Exchange): Promise<FoundUpload> {
  const { parameters, registry } = exchange;
  const { id = '' } = parameters;
  const found = /^[0-9a-f-]{36}$/.test(id) ? await registry.storage.uploads.find(id) : undefined;
  const about = found && (JSON.parse(found.about) as { repository: string });
  if (!found || about?.repository !== repositoryOf(exchange).name)
    throw new Refusal('BLOB_UPLOAD_UNKNOWN', 'there is no such upload: begin a new one', { detail: { id } });
  return { id, size: found.size, ...(found.note !== undefined && { note: found.note }) };
}

/** Takes the request's body in behind the `size` bytes that are there. Answers how many there are then. */
async function receive(
  exchange: Exchange,
  repository: Repository,
  { id, size, note }: FoundUpload,
): Promise<number> {
  const { request, registry } = exchange;
  const range = readContentRange(request.headers);
  if (range !== undefined && range.start !== size) throw outOfOrder(repository, id, size);
  const room = (await roomOf(exchange, repository, id)) - size;
  const body = limitedBody(request, room, range?.length);
  try {
    const fed = registry.hashes.feed(id, size, body, note);
    return await registry.storage.uploads.append(id, size, fed, () => registry.hashes.noteOf(id));
  } catch (error) {
    registry.hashes.forget(id);
    if (!isEngineError(error, 'ERR_UPLOAD_OFFSET')) throw error;
    throw outOfOrder(repository, id, (await registry.storage.uploads.find(id))?.size ?? 0);
  }
}

async function finish(
  exchange: Exchange,
  repository: Repository,
  id: string,
  digest: ContentDigest,
): Promise<void> {
  const { registry, identity } = exchange;
  const found = await registry.storage.uploads.find(id);
  const actual = found && (await registry.hashes.digest(registry.storage, id, found, algorithmOf(digest)));
  if (found === undefined || actual === undefined)
    throw new Refusal('BLOB_UPLOAD_UNKNOWN', 'there is no such upload: begin a new one', { detail: { id } });
  const { size } = found;
  const room = await roomOf(exchange, repository, id);
  if (size > room) {
    await forget(exchange, id);
    throw tooLarge(room);
  }
  if (actual !== digest) {
    await forget(exchange, id);
    throw new Refusal('DIGEST_INVALID', `what was uploaded has the digest ${actual}, not ${digest}`, {
      detail: { digest, actual, size },
    });
  }
  await repository.addUpload(id, digest, size);
  registry.hashes.forget(id);
  registry.announce({ action: 'push', repository: repository.name, digest, size, by: identity.name });
  created(exchange, repository, digest);
}

/** Bytes of the largest blob that an upload may still become. */
async function roomOf({ registry: { policy } }: Exchange, { name }: Repository, id: string): Promise<number> {
  return Math.min(policy.maxBlobSize, await policy.room(name, id));
}

/**
 * Whether the blob was there to be mounted, and may be read there; without `from`, anywhere. Otherwise it is uploaded: the
 * spec's own way out.
 */
async function mountBlob(
  exchange: Exchange,
  repository: Repository,
  digest: ContentDigest,
): Promise<boolean> {
  const { query, registry, identity } = exchange;
  const from = query.get('from');
  const names = from ? [parseRepositoryName(from)] : await listRepositories(registry.storage);
  const size = await sizeIn(exchange, names.slice(0, mostSources), digest);
  if (size === undefined || size > (await registry.policy.room(repository.name))) return false;
  if (!(await repository.addBlob(digest, size))) return false;
  registry.announce({ action: 'mount', repository: repository.name, digest, size, by: identity.name });
  created(exchange, repository, digest);
  return true;
}

/** In the first of the repositories that may be read and have it. */
async function sizeIn(
  { registry, identity }: Exchange,
  names: readonly RepositoryName[],
  digest: ContentDigest,
): Promise<number | undefined> {
  for (const name of names) {
    if (!identity.may(name, 'pull')) continue;
    const size = await new Repository(registry.storage, name).blobSize(digest);
    if (size !== undefined) return size;
  }
  return undefined;
}

async function forget({ registry }: Exchange, id: string): Promise<void> {
  registry.hashes.forget(id);
  await registry.storage.uploads.remove(id);
}

function hasBody({ request: { headers } }: Exchange): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
}

function accepted(exchange: Exchange, repository: Repository, id: string, size: number): void {
  reply(exchange, 202, uploadHeaders(repository, id, size));
}

function created(exchange: Exchange, repository: Repository, digest: ContentDigest): void {
  const location = `/v2/${repository.name}/blobs/${digest}`;
  reply(exchange, 201, { location, 'docker-content-digest': digest });
}

/** `Range` ends with the last byte; of nothing it is `0-0`, as every registry says it. */
function uploadHeaders(repository: Repository, id: string, size: number): OutgoingHttpHeaders {
  return {
    location: `/v2/${repository.name}/blobs/uploads/${id}`,
    range: `0-${Math.max(0, size - 1)}`,
    'docker-upload-uuid': id,
  };
}

function outOfOrder(repository: Repository, id: string, size: number): Refusal {
  return new Refusal('BLOB_UPLOAD_INVALID', `the upload has ${size} bytes: send what follows them`, {
    status: 416,
    detail: { size },
    headers: uploadHeaders(repository, id, size),
    cause: new EngineError('ERR_UPLOAD_OFFSET', 'out of order'),
  });
}
