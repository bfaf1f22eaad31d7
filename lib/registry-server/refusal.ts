import type { OutgoingHttpHeaders } from 'node:http';

/** The codes of the distribution-spec (1.1, "Error Codes"), of Docker's registry where clients know them, and their status. */
export const refusals = {
  BLOB_UNKNOWN: 404,
  BLOB_UPLOAD_INVALID: 400,
  BLOB_UPLOAD_UNKNOWN: 404,
  DIGEST_INVALID: 400,
  MANIFEST_BLOB_UNKNOWN: 400,
  MANIFEST_INVALID: 400,
  MANIFEST_UNKNOWN: 404,
  NAME_INVALID: 400,
  NAME_UNKNOWN: 404,
  SIZE_INVALID: 400,
  TAG_INVALID: 400,
  PAGINATION_NUMBER_INVALID: 400,
  RANGE_INVALID: 416,
  UNAUTHORIZED: 401,
  DENIED: 403,
  UNSUPPORTED: 405,
  TOOMANYREQUESTS: 429,
  UNAVAILABLE: 503,
  UNKNOWN: 500,
} as const satisfies Record<string, number>;

export type RefusalCode = keyof typeof refusals;

/**
 * Why a request is not granted, in the registry's own words on the wire. It never leaves this room: the client of the
 * library sees the document, and the library's own calls throw EngineError.
 */
export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly status: number;
  readonly detail: unknown;
  readonly headers: OutgoingHttpHeaders;

  constructor(
    code: RefusalCode,
    message: string,
    options: { status?: number; detail?: unknown; headers?: OutgoingHttpHeaders; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.status = options.status ?? refusals[code];
    this.detail = options.detail;
    this.headers = options.headers ?? {};
  }
}
