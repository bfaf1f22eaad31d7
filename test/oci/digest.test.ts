import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import {
  chainId,
  chainIds,
  type Digest,
  digestHex,
  digestOf,
  isDigest,
  parseDigest,
} from '../../lib/oci/index.ts';

const hex = 'a'.repeat(64);

test('a canonical sha256 digest is parsed to itself', (t) => {
  t.is<string, string>(parseDigest(`sha256:${hex}`), `sha256:${hex}`);
  t.is(digestHex(parseDigest(`sha256:${hex}`)), hex);
});

for (const [text, complaint] of [
  ['', /sha256:<64 hex digits>/],
  [hex, /sha256:<64 hex digits>/],
  [`sha512:${'a'.repeat(128)}`, /sha512 is not supported/],
  [`md5:${hex}`, /unknown algorithm "md5"/],
  [`sha256:${hex}a`, /64 hex digits, not 65/],
  [`sha256:${hex.toUpperCase()}`, /lower case/],
  [`sha256:${hex.slice(1)}\n`, /0-9 and a-f/],
  [`sha256:../../../${'a'.repeat(55)}`, /0-9 and a-f/],
] as const) {
  test(`the digest ${JSON.stringify(text.slice(0, 20))} of ${text.length} is refused: ${complaint.source}`, (t) => {
    t.throws(() => parseDigest(text), { code: 'ERR_DIGEST_INVALID', message: complaint });
  });
}

test('no text but a canonical digest is one', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      t.false(isDigest(text));
      t.throws(() => parseDigest(text), { code: 'ERR_DIGEST_INVALID' });
    }),
  );
});

test('the digest of bytes is their sha256', (t) => {
  t.is<string, string>(
    digestOf('abc'),
    'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

test('a chain id hashes the chain below and the next diffId, joined by a space', (t) => {
  const [a, b, c] = ['a', 'b', 'c'].map((text) => digestOf(text)) as [Digest, Digest, Digest];
  const sha = (text: string) => `sha256:${createHash('sha256').update(text).digest('hex')}`;
  const ab = sha(`${a} ${b}`);
  t.deepEqual<string[], string[]>(chainIds([a, b, c]), [a, ab, sha(`${ab} ${c}`)]);
  t.is<string | null, string | null>(chainId([a, b]), ab);
  t.is(chainId([]), null);
});
