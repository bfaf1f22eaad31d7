// Not node:crypto: to load that costs a command 4 ms.
import { createHash } from '../../bindings/hash.ts';
import { EngineError } from '../errors/index.ts';
import { type Descriptor, digestHex } from '../oci/index.ts';

/** Throws unless `bytes` are what the descriptor names: ERR_BLOB_SIZE_MISMATCH, ERR_BLOB_DIGEST_MISMATCH. */
export function verifyBytes(descriptor: Descriptor, bytes: Uint8Array): void {
  if (bytes.length !== descriptor.size) throw sizeMismatch(descriptor, bytes.length);
  const hash = createHash();
  hash.update(bytes);
  const actual = `sha256:${hash.digest()}`;
  if (actual !== descriptor.digest) throw digestMismatch(descriptor, actual);
}

/** Passes a body on and throws at its end, or as soon as it is too long, unless it is what the descriptor names. */
export async function* verifiedBody(
  descriptor: Descriptor,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const hash = createHash();
  let length = 0;
  for await (const chunk of body) {
    length += chunk.length;
    if (length > descriptor.size) throw sizeMismatch(descriptor, length);
    hash.update(chunk);
    yield chunk;
  }
  if (length !== descriptor.size) throw sizeMismatch(descriptor, length);
  const actual = hash.digest();
  if (actual !== digestHex(descriptor.digest)) throw digestMismatch(descriptor, `sha256:${actual}`);
}

/** `actual`: bytes that came, at least. */
export function sizeMismatch(descriptor: Descriptor, actual: number): EngineError {
  const relation = actual > descriptor.size ? 'more' : 'fewer';
  return new EngineError(
    'ERR_BLOB_SIZE_MISMATCH',
    `blob ${descriptor.digest} has ${relation} than the ${descriptor.size} bytes that its descriptor says: ` +
      'the registry or a proxy on the way to it altered the content',
    { details: { digest: descriptor.digest, expected: descriptor.size, actual } },
  );
}

function digestMismatch(descriptor: Descriptor, actual: string): EngineError {
  return new EngineError(
    'ERR_BLOB_DIGEST_MISMATCH',
    `blob ${descriptor.digest} has other content: its digest is ${actual}`,
    { details: { digest: descriptor.digest, actual } },
  );
}
