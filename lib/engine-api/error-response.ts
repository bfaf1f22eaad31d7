import type { ServerResponse } from 'node:http';
import { EngineError, type ErrorCode, type ErrorKind } from '../errors/index.ts';
import { familiarName, parseReference } from '../reference/index.ts';
import { Refusal } from './refusal.ts';

const statusOfKind: Readonly<Record<ErrorKind, number>> = {
  notFound: 404,
  conflict: 409,
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  unavailable: 503,
  notImplemented: 501,
  corrupt: 500,
  exhausted: 500,
  aborted: 500,
  internal: 500,
};

/** Where docker answers otherwise than the kind says. */
const statusOfCode: Partial<Record<ErrorCode, number>> = {
  // The request asks for something that is not there, but the thing that the path names is.
  ERR_MOUNT_SOURCE_NOT_FOUND: 400,
  ERR_EXEC_NOT_FOUND: 400,
  ERR_EXEC_PERMISSION: 400,
  ERR_USER_NOT_FOUND: 400,
  ERR_GROUP_NOT_FOUND: 400,
  ERR_CDI_DEVICE_NOT_FOUND: 400,
  ERR_NETWORK_PARENT_MISSING: 400,
  ERR_CONTAINER_AMBIGUOUS: 400,
  ERR_REGISTRY_UNREACHABLE: 500,
  ERR_REGISTRY_TLS: 500,
  ERR_REGISTRY_RESPONSE: 500,
  ERR_REGISTRY_RATE_LIMITED: 429,
  ERR_REGISTRY_UNAUTHORIZED: 401,
  ERR_NETWORK_IN_USE: 403,
  ERR_SUBNET_OVERLAP: 403,
  ERR_PORT_IN_USE: 500,
  ERR_BODY_TOO_LARGE: 413,
};

/** Docker's words, of those errors whose text clients are known to look for. */
const wordsOfCode: Partial<Record<ErrorCode, (details: Details, error: EngineError) => string | undefined>> =
  {
    ERR_CONTAINER_STATE: stateWords,
    ERR_CONTAINER_NOT_FOUND: ({ container }) => container && `No such container: ${container}`,
    ERR_IMAGE_NOT_FOUND: ({ reference }) => reference && `No such image: ${imageName(reference)}`,
    ERR_MANIFEST_NOT_FOUND: ({ subject }, { message }) =>
      subject && `manifest for ${imageName(subject)} not found: manifest unknown: ${message}`,
    ERR_VOLUME_NOT_FOUND: ({ volume }) => volume && `get ${volume}: no such volume`,
    ERR_VOLUME_IN_USE: ({ volume }, { details }) =>
      `remove ${volume}: volume is in use - [${idsOf(details).join(', ')}]`,
    ERR_NETWORK_NOT_FOUND: ({ network }) => network && `network ${network} not found`,
    ERR_NETWORK_EXISTS: ({ network }) => network && `network with name ${network} already exists`,
    ERR_EXEC_NOT_KNOWN: ({ exec }) => exec && `No such exec instance: ${exec}`,
    ERR_CONTAINER_NAME_IN_USE: ({ name, id }) =>
      `Conflict. The container name "/${name}" is already in use by container "${id}". You have to remove (or rename) that container to be able to reuse that name.`,
    ERR_PORT_IN_USE: (_details, { message }) => `${message}: port is already allocated`,
  };

/** What docker says of a container that cannot be treated so, by its state and the verb. */
function stateWords({ container, status, verb, exec }: Details): string | undefined {
  if (exec !== undefined) return `exec command ${exec} is already running or has run`;
  if (container === undefined || status === undefined) return undefined;
  if (verb === 'remove')
    return `cannot remove container "/${container}": container is ${status}: stop the container before removing or force remove`;
  if (verb === 'exec' && status === 'paused')
    return `Container ${container} is paused, unpause the container before exec`;
  if (verb === 'pause' && status === 'paused') return `Container ${container} is already paused`;
  if (verb === 'unpause') return `Container ${container} is not paused`;
  if (status === 'restarting')
    return `Container ${container} is restarting, wait until the container is running`;
  return `cannot ${verb} container: ${container}: container ${container} is not running`;
}

type Details = Readonly<Record<string, string | undefined>>;

/** The status that an error is answered with. */
export function statusOf(error: unknown): number {
  if (error instanceof Refusal) return error.status;
  if (!(error instanceof EngineError)) return 500;
  return statusOfCode[error.code] ?? statusOfKind[error.kind];
}

/** What is said of an error to the client. */
export function messageOf(error: unknown): string {
  if (!(error instanceof EngineError)) return (error as Error).message;
  return wordsOfCode[error.code]?.(error.details as Details, error) ?? error.message;
}

/** Answers with an error, if nothing was sent yet; else cuts the connection, so that nobody takes the answer for a whole one. */
export function sendError(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = `${JSON.stringify({ message: messageOf(error) })}\n`;
  response.writeHead(statusOf(error), {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}

/** As docker writes it: with its tag, and without docker.io. */
function imageName(text: string): string {
  try {
    return familiarName(parseReference(text));
  } catch {
    return text; // an id
  }
}

function idsOf({ containers }: Readonly<Record<string, unknown>>): string[] {
  return Array.isArray(containers) ? containers.map((one: { id?: string }) => one.id ?? '') : [];
}
