import type { Exchange } from './exchange.ts';
import { badRequest, Refusal } from './refusal.ts';

/** Bytes of a JSON body. A container's create with thousands of variables and labels has tens of kilobytes. */
const largestBody = 4 << 20;

/** An object of a request, whose fields are read one by one (json-fields.ts). */
export type JsonObject = Readonly<Record<string, unknown>>;

/**
 * The request's body as an object; an empty body is `{}`, which is what many clients send where all is optional.
 * @throws Refusal 400, 413
 */
export async function readJsonBody(exchange: Exchange): Promise<JsonObject> {
  const text = await readText(exchange);
  if (text.trim() === '') return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw badRequest(`invalid JSON: ${(error as Error).message}`, error);
  }
  if (parsed === null) return {};
  if (typeof parsed !== 'object' || Array.isArray(parsed))
    throw badRequest('invalid JSON: an object was expected');
  return parsed as JsonObject;
}

async function readText({ body, request, upgraded }: Exchange): Promise<string> {
  const source =
    upgraded?.body(isJson) ?? (body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>);
  if (Number(request.headers['content-length'] ?? 0) > largestBody) throw tooLarge();
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of source) {
    length += piece.length;
    if (length > largestBody) throw tooLarge();
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

function isJson(bytes: Buffer): boolean {
  try {
    JSON.parse(bytes.toString('utf8'));
    return true;
  } catch {
    return false;
  }
}

function tooLarge(): Refusal {
  return new Refusal(413, `the request's body has more than the ${largestBody} bytes that are accepted`);
}
