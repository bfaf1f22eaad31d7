import { createHash } from 'node:crypto';
import { EngineError } from '../errors/index.ts';

declare const digest: unique symbol;

/**
 * The name of content: `sha256:` and 64 lower-case hex digits (OCI image-spec 1.1, descriptor.md, "Digests"). A string
 * becomes one by `parseDigest` only, so whoever holds a `Digest` may use it in a path or a URL.
 */
export type Digest = `sha256:${string}` & { readonly [digest]: true };

/**
 * Parses a digest.
 * @throws EngineError ERR_DIGEST_INVALID, which says whether the algorithm (sha512 is registered by the OCI
 * specification, but no store here names content by it), the length or a character is wrong.
 */
export function parseDigest(text: string): Digest {
  if (isDigest(text)) return text;
  throw new EngineError('ERR_DIGEST_INVALID', `invalid digest ${quote(text)}: ${complaint(text)}`, {
    details: { digest: text.slice(0, 200) },
  });
}

/** Whether the text is a sha256 digest in its one canonical form. */
export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && /^sha256:[0-9a-f]{64}$/.test(text);
}

/** The 64 hex digits of a digest. */
export function digestHex(value: Digest): string {
  return value.slice('sha256:'.length);
}

/** The digest of bytes at hand. For small documents; layers are hashed by the native pipeline as they arrive. */
export function digestOf(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest;
}

function complaint(text: string): string {
  const colon = text.indexOf(':');
  if (colon <= 0) return 'it must be written sha256:<64 hex digits>';
  const algorithm = text.slice(0, colon);
  if (algorithm === 'sha512') return 'sha512 is not supported; use the sha256 digest of the same content';
  if (algorithm !== 'sha256') return `unknown algorithm ${quote(algorithm)}; only sha256 is supported`;
  const hex = text.slice(colon + 1);
  if (hex.length !== 64) return `sha256 has 64 hex digits, not ${hex.length}`;
  return 'only the digits 0-9 and a-f (lower case) may follow sha256:';
}

function quote(text: string): string {
  return JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);
}
