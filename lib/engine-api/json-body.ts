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
  return parseObject(await readText(exchange));
}

function parseObject(text: string): JsonObject {
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
  if (Number(request.headers['content-length'] ?? 0) > largestBody) throw tooLarge();
  const source =
    upgraded?.body(isJson) ?? (body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>);
  let text: Buffer = Buffer.alloc(0);
  for await (const piece of source) {
    text = text.length === 0 ? piece : Buffer.concat([text, piece]);
    if (text.length > largestBody) throw tooLarge();
  }
  return text.toString('utf8');
}

function isJson(bytes: Buffer): boolean {
  return endOfObject(bytes) === bytes.length;
}

/**
 * The same of a body that goes on behind the object: what follows stays in `exchange.body` (exec's start, whose stdin that is).
 * @throws Refusal 400, 413
 */
export async function readLeadingJson(exchange: Exchange): Promise<JsonObject> {
  const { body, upgraded, request } = exchange;
  if (upgraded !== undefined || request.headers['transfer-encoding'] === undefined)
    return await readJsonBody(exchange);
  let text: Buffer = Buffer.alloc(0);
  for await (const piece of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text = Buffer.concat([text, piece]);
    const end = endOfObject(text);
    if (end === -1 && text.length <= largestBody) continue;
    if (end === -1) throw tooLarge();
    if (end < text.length) body.unshift(text.subarray(end));
    return parseObject(text.toString('utf8', 0, end));
  }
  return parseObject(text.toString('utf8'));
}

/** Where the JSON object that the bytes begin with ends; -1: not yet. */
function endOfObject(bytes: Buffer): number {
  let depth = 0;
  let isText = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (isText && byte === 0x5c)
      at++; // a backslash, and what it escapes
    else if (byte === 0x22) isText = !isText;
    else if (!isText && (byte === 0x7b || byte === 0x5b)) depth++;
    else if (!isText && (byte === 0x7d || byte === 0x5d) && --depth === 0) return at + 1;
  }
  return -1;
}

function tooLarge(): Refusal {
  return new Refusal(413, `the request's body has more than the ${largestBody} bytes that are accepted`);
}
