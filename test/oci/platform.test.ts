import test from 'ava';
import fc from 'fast-check';
import {
  formatPlatform,
  hostPlatform,
  matchesPlatform,
  parsePlatform,
  platformCandidates,
  selectPlatform,
} from '../../lib/oci/index.ts';

for (const [text, normal] of [
  ['linux/amd64', 'linux/amd64'],
  ['linux/x86_64', 'linux/amd64'],
  ['linux/amd64/v1', 'linux/amd64'],
  ['linux/amd64/v3', 'linux/amd64/v3'],
  ['linux/arm64/v8', 'linux/arm64'],
  ['linux/aarch64', 'linux/arm64'],
  ['linux/arm64/v9', 'linux/arm64/v9'],
  ['linux/arm', 'linux/arm/v7'],
  ['linux/arm/7', 'linux/arm/v7'],
  ['linux/armhf', 'linux/arm/v7'],
  ['linux/armel', 'linux/arm/v6'],
  ['linux/i386', 'linux/386'],
  ['Linux/AMD64', 'linux/amd64'],
  ['macOS/arm64', 'darwin/arm64'],
  ['linux/riscv64', 'linux/riscv64'],
  ['windows/amd64', 'windows/amd64'],
] as const) {
  test(`${text} is ${normal}`, (t) => t.is(formatPlatform(parsePlatform(text)), normal));
}

test('one word is an architecture or a system of this machine', (t) => {
  const host = hostPlatform();
  t.deepEqual(parsePlatform('s390x'), { os: host.os, architecture: 's390x' });
  t.deepEqual(parsePlatform('freebsd'), { ...host, os: 'freebsd' });
  t.throws(() => parsePlatform('pdp11'), { code: 'ERR_PLATFORM_INVALID', message: /neither/ });
});

for (const text of ['', 'linux/', '/amd64', 'linux/arm/v7/x', 'linux/am d64', `linux/${'a'.repeat(200)}`]) {
  test(`the platform ${JSON.stringify(text.slice(0, 20))} is refused`, (t) => {
    t.throws(() => parsePlatform(text), { code: 'ERR_PLATFORM_INVALID' });
  });
}

const order = (text: string) => platformCandidates(parsePlatform(text)).map(formatPlatform);

test('a machine prefers its own variant, then lower ones, then its 32-bit ancestor', (t) => {
  t.deepEqual(order('linux/arm/v7'), ['linux/arm/v7', 'linux/arm/v6', 'linux/arm/v5']);
  t.deepEqual(order('linux/arm/v5'), ['linux/arm/v5']);
  t.deepEqual(order('linux/amd64'), ['linux/amd64', 'linux/386']);
  t.deepEqual(order('linux/amd64/v3'), ['linux/amd64/v3', 'linux/amd64/v2', 'linux/amd64', 'linux/386']);
  t.deepEqual(order('linux/arm64').slice(0, 3), ['linux/arm64', 'linux/arm/v8', 'linux/arm/v7']);
  t.deepEqual(order('linux/arm64/v9').slice(0, 2), ['linux/arm64/v9', 'linux/arm64/v8.5']);
  t.deepEqual(order('linux/ppc64le'), ['linux/ppc64le']);
});

const offers = (...texts: (string | undefined)[]) =>
  texts.map((text, at) => ({ at, ...(text !== undefined && { platform: parsePlatform(text) }) }));

test('the best of the offers is selected, wherever it is listed', (t) => {
  const wanted = parsePlatform('linux/arm/v7');
  t.is(selectPlatform(offers('linux/arm/v5', 'linux/arm64', 'linux/arm/v6'), wanted)?.at, 2);
  t.is(selectPlatform(offers('linux/arm/v8', 'linux/amd64'), wanted), undefined);
  t.is(selectPlatform(offers('linux/amd64', 'linux/amd64'), parsePlatform('linux/amd64'))?.at, 0);
});

test('an offer without a platform is taken only when none with one suits', (t) => {
  const wanted = parsePlatform('linux/amd64');
  t.is(selectPlatform(offers(undefined, 'linux/amd64'), wanted)?.at, 1);
  t.is(selectPlatform(offers('linux/arm64', undefined), wanted)?.at, 1);
});

test('strictly, no other variant will do', (t) => {
  const wanted = parsePlatform('linux/arm/v7');
  t.is(selectPlatform(offers('linux/arm/v6'), wanted, { strict: true }), undefined);
  t.is(selectPlatform(offers('linux/arm/v7'), wanted, { strict: true })?.at, 0);
  t.true(matchesPlatform(parsePlatform('linux/arm/v6'), wanted));
  t.false(matchesPlatform(wanted, parsePlatform('linux/arm/v6')));
});

test('any text is a platform that reads back as the same, or is refused', (t) => {
  const word = fc.stringMatching(/^[A-Za-z0-9_.-]{1,8}$/);
  const texts = fc.oneof(
    fc.string(),
    fc.array(word, { minLength: 1, maxLength: 3 }).map((words) => words.join('/')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const platform = parsePlatform(text);
        t.deepEqual(parsePlatform(formatPlatform(platform)), platform);
        t.is(selectPlatform([{ platform }], platform)?.platform, platform);
      } catch (error) {
        t.is((error as { code?: string }).code, 'ERR_PLATFORM_INVALID', String(error));
      }
    }),
  );
});
