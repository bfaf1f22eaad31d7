import type { Container } from '../../containers/index.ts';
import { isEngineError } from '../../errors/index.ts';
import { type Exchange, parameter, reply, replyJson } from '../exchange.ts';
import { badRequest, Refusal } from '../refusal.ts';
import { replyBytes } from '../reply-bytes.ts';
import type { ApiRoute } from '../route.ts';
import { unpackedBody } from '../unpacked-body.ts';
import { pathStat } from '../wire/path-stat.ts';

/** Containers' files. */
export const containerFilesRoutes: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '/containers/{id}/changes',
    summary: 'list what a container has changed',
    handler: changes,
  },
  {
    method: 'GET',
    path: '/containers/{id}/export',
    summary: "a container's files as a tar",
    handler: exportFiles,
  },
  {
    method: 'HEAD',
    path: '/containers/{id}/archive',
    summary: 'what a path in a container names',
    handler: stat,
  },
  {
    method: 'GET',
    path: '/containers/{id}/archive',
    summary: 'files of a container as a tar',
    handler: copyOut,
  },
  {
    method: 'PUT',
    path: '/containers/{id}/archive',
    summary: "unpack a tar into a container's directory",
    handler: copyIn,
  },
];

const kinds = { changed: 0, added: 1, removed: 2 } as const;

async function changes(exchange: Exchange): Promise<void> {
  const found = await (await find(exchange)).changes({ signal: exchange.signal });
  replyJson(
    exchange,
    found.map(({ path, kind }) => ({ Path: path, Kind: kinds[kind] })),
  );
}

async function exportFiles(exchange: Exchange): Promise<void> {
  const container = await find(exchange);
  await replyBytes(
    exchange,
    { 'content-type': 'application/x-tar' },
    container.export({ signal: exchange.signal }),
  );
}

async function stat(exchange: Exchange): Promise<void> {
  const container = await find(exchange);
  reply(exchange, 200, await statHeaders(container, pathOf(exchange)));
}

async function copyOut(exchange: Exchange): Promise<void> {
  const container = await find(exchange);
  const path = pathOf(exchange);
  const headers = { 'content-type': 'application/x-tar', ...(await statHeaders(container, path)) };
  await replyBytes(exchange, headers, container.copyOut(path, { signal: exchange.signal }));
}

async function copyIn(exchange: Exchange): Promise<void> {
  const { query, signal } = exchange;
  const container = await find(exchange);
  const path = pathOf(exchange);
  const owner = query.flag('copyUIDGID') ? await ownerOf(container) : undefined;
  const options = {
    overwriteDirectories: !query.flag('noOverwriteDirNonDir'),
    signal,
    ...(owner && { owner }),
  };
  await container.copyIn(path, await unpackedBody(exchange.body), options).catch(refuseReadOnly);
  reply(exchange, 200);
}

/** As docker: who the container's process is, where that is said in numbers; else root. */
async function ownerOf(container: Container): Promise<{ uid: number; gid: number }> {
  const { user } = await container.inspect();
  const match = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(user);
  return { uid: Number(match?.[1] ?? 0), gid: Number(match?.[2] ?? match?.[1] ?? 0) };
}

function refuseReadOnly(error: unknown): never {
  if (isEngineError(error, 'ERR_COPY_TARGET_INVALID'))
    throw badRequest(`extraction point is not a directory: ${error.message}`, error);
  throw error;
}

async function statHeaders(container: Container, path: string): Promise<Record<string, string>> {
  const document = pathStat(await container.statPath(path));
  return { 'x-docker-container-path-stat': Buffer.from(JSON.stringify(document)).toString('base64') };
}

function pathOf({ query }: Exchange): string {
  const path = query.text('path');
  if (path === '') throw badRequest("bad parameter: missing 'path'");
  if (path.includes('\0')) throw new Refusal(400, 'the path has a NUL byte');
  return path;
}

function find(exchange: Exchange): Promise<Container> {
  return exchange.engine.containers.get(parameter(exchange, 'id'));
}
