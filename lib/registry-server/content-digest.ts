import { createHash as createNodeHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { createHash, hashFile } from '../../bindings/hash.ts';
import { Refusal } from './refusal.ts';

declare const contentDigest: unique symbol;

/**
 * The name of content in a registry: `sha256:` or `sha512:` and lower-case hex (OCI image-spec 1.1, descriptor.md,
 * "Registered algorithms"). Made by `parseContentDigest` and the functions below only, so it may stand in a key.
 */
export type ContentDigest = string & { readonly [contentDigest]: true };

export const algorithms = ['sha256', 'sha512'] as const;
export type Algorithm = (typeof algorithms)[number];

const hexLength: Readonly<Record<Algorithm, number>> = { sha256: 64, sha512: 128 };

/** Whether a text is a digest in its one canonical form. */
export function isContentDigest(text: string): text is ContentDigest {
  const [algorithm = '', hex = ''] = text.split(':', 2);
  if (algorithm !== 'sha256' && algorithm !== 'sha512') return false;
  return text.length === 7 + hexLength[algorithm] && /^[0-9a-f]+$/.test(hex);
}

/** Throws Refusal DIGEST_INVALID. */
export function parseContentDigest(text: string): ContentDigest {
  if (isContentDigest(text)) return text;
  const shown = text.slice(0, 200);
  throw new Refusal(
    'DIGEST_INVALID',
    `${JSON.stringify(shown)} is no digest: write sha256:<64 hex digits> or sha512:<128>`,
    { detail: { digest: shown } },
  );
}

export function algorithmOf(digest: ContentDigest): Algorithm {
  return digest.startsWith('sha512:') ? 'sha512' : 'sha256';
}

export function hexOf(digest: ContentDigest): string {
  return digest.slice(7);
}

/** Of bytes at hand. */
export function contentDigestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): ContentDigest {
  const hash = createHashOf(algorithm);
  hash.update(bytes);
  return hash.digest() as ContentDigest;
}

/** A digest in the making; digest() answers all of its name, and may be asked in between (sha256 only). */
export interface RunningDigest {
  update(chunk: Uint8Array): void;
  digest(): string;
  /** What `resumeSha256` needs to go on from here; undefined where that cannot be. */
  save?(): Buffer;
}

/** sha256 is this library's own, by the processor's instructions; sha512 is Node's. */
export function createHashOf(algorithm: Algorithm): RunningDigest {
  if (algorithm === 'sha512') {
    const hash = createNodeHash('sha512');
    return { update: (chunk) => void hash.update(chunk), digest: () => `sha512:${hash.digest('hex')}` };
  }
  return sha256From();
}

/** Goes on where another process has ended, by what it saved. Throws TypeError for what is no saved sha256. */
export function resumeSha256(saved: Uint8Array): RunningDigest {
  return sha256From(saved);
}

function sha256From(saved?: Uint8Array): RunningDigest {
  const hash = createHash(saved);
  return {
    update: (chunk) => hash.update(chunk),
    digest: () => `sha256:${hash.digest()}`,
    save: () => hash.save(),
  };
}

/** Of a body that is read to its end; of a file on this machine by a thread of the addon, where there is one. */
export async function digestOfBody(
  body: Readable,
  algorithm: Algorithm,
  path: string | undefined,
): Promise<ContentDigest> {
  if (path !== undefined && algorithm === 'sha256') {
    body.destroy();
    return `sha256:${await hashFile(path)}` as ContentDigest;
  }
  const hash = createHashOf(algorithm);
  for await (const chunk of body as AsyncIterable<Buffer>) hash.update(chunk);
  return hash.digest() as ContentDigest;
}
