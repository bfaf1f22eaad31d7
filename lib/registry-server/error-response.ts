import type { ServerResponse } from 'node:http';
import { isEngineError } from '../errors/index.ts';
import { Refusal } from './refusal.ts';

/** Answers with what went wrong, as the distribution-spec's document. A head that is out already cuts the connection. */
export function sendRefusal(response: ServerResponse, refusal: Refusal): void {
  if (response.headersSent) return void response.destroy();
  const { code, message, detail } = refusal;
  const body = JSON.stringify({ errors: [{ code, message, ...(detail !== undefined && { detail }) }] });
  response.writeHead(refusal.status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...refusal.headers,
  });
  response.end(body);
}

/** Any failure as a refusal: what this library throws on purpose keeps its meaning, all else is ours to mend (500). */
export function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (!isEngineError(error)) return failed(error);
  const { message, details } = error;
  switch (error.code) {
    case 'ERR_UPLOAD_NOT_FOUND':
      return new Refusal('BLOB_UPLOAD_UNKNOWN', message, { cause: error });
    case 'ERR_UPLOAD_OFFSET':
      return new Refusal('BLOB_UPLOAD_INVALID', message, { status: 416, detail: details, cause: error });
    case 'ERR_UPLOAD_BUSY':
      return new Refusal('BLOB_UPLOAD_INVALID', message, { status: 409, cause: error });
    case 'ERR_BODY_TOO_LARGE':
      return new Refusal('SIZE_INVALID', message, { status: 413, detail: details, cause: error });
    case 'ERR_MANIFEST_INVALID':
      return new Refusal('MANIFEST_INVALID', message, { detail: details, cause: error });
    case 'ERR_NO_SPACE':
      return new Refusal('UNAVAILABLE', message, { status: 507, cause: error });
    default:
      return failed(error);
  }
}

/** The client is not told what the paths and programs of this machine are. */
function failed(cause: unknown): Refusal {
  return new Refusal('UNKNOWN', 'the registry failed; its log says why', { cause });
}
