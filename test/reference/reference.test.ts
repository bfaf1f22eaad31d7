import test from 'ava';
import fc from 'fast-check';
import { parseDigest } from '../../lib/oci/index.ts';
import {
  familiarName,
  familiarRepository,
  formatReference,
  parseReference,
  pinReference,
  repositoryName,
  tagOrDigest,
} from '../../lib/reference/index.ts';

const digest = `sha256:${'f'.repeat(64)}`;

/** What docker itself makes of these: distribution/reference's own table of cases and rules. */
const accepted: readonly [text: string, full: string, familiar?: string][] = [
  ['ubuntu', 'docker.io/library/ubuntu:latest', 'ubuntu:latest'],
  ['ubuntu:24.04', 'docker.io/library/ubuntu:24.04', 'ubuntu:24.04'],
  [`redis@${digest}`, `docker.io/library/redis@${digest}`, `redis@${digest}`],
  [`busybox:latest@${digest}`, `docker.io/library/busybox:latest@${digest}`, `busybox:latest@${digest}`],
  ['library/ubuntu', 'docker.io/library/ubuntu:latest', 'ubuntu:latest'],
  ['docker.io/ubuntu', 'docker.io/library/ubuntu:latest', 'ubuntu:latest'],
  ['index.docker.io/ubuntu', 'docker.io/library/ubuntu:latest', 'ubuntu:latest'],
  ['index.docker.io/user/name', 'docker.io/user/name:latest', 'user/name:latest'],
  ['library/foo/bar', 'docker.io/library/foo/bar:latest', 'library/foo/bar:latest'],
  ['user/name', 'docker.io/user/name:latest', 'user/name:latest'],
  ['test_com', 'docker.io/library/test_com:latest', 'test_com:latest'],
  ['test_com/foo', 'docker.io/test_com/foo:latest', 'test_com/foo:latest'],
  ['test.com:tag', 'docker.io/library/test.com:tag', 'test.com:tag'],
  ['test.com:5000', 'docker.io/library/test.com:5000', 'test.com:5000'],
  ['test.com/repo:tag', 'test.com/repo:tag'],
  ['test:5000/repo', 'test:5000/repo:latest'],
  ['test:5000/repo:tag', 'test:5000/repo:tag'],
  [`test:5000/repo@${digest}`, `test:5000/repo@${digest}`],
  [`test:5000/repo:tag@${digest}`, `test:5000/repo:tag@${digest}`],
  ['lowercase:Uppercase', 'docker.io/library/lowercase:Uppercase', 'lowercase:Uppercase'],
  ['localhost/x', 'localhost/x:latest'],
  ['localhost:80/x', 'localhost:80/x:latest'],
  ['localhost', 'docker.io/library/localhost:latest', 'localhost:latest'],
  ['Docker/docker', 'Docker/docker:latest'],
  ['sub-dom1.foo.com/bar/baz/quux:some-long-tag', 'sub-dom1.foo.com/bar/baz/quux:some-long-tag'],
  ['b.gcr.io/test.example.com/my-app:test.example.com', 'b.gcr.io/test.example.com/my-app:test.example.com'],
  ['xn--n3h.com/myimage:xn--n3h.com', 'xn--n3h.com/myimage:xn--n3h.com'],
  ['foo_bar.com:8080', 'docker.io/library/foo_bar.com:8080', 'foo_bar.com:8080'],
  ['foo/foo_bar.com:8080', 'docker.io/foo/foo_bar.com:8080', 'foo/foo_bar.com:8080'],
  ['192.168.1.1', 'docker.io/library/192.168.1.1:latest', '192.168.1.1:latest'],
  ['192.168.1.1:5000/repo:5050', '192.168.1.1:5000/repo:5050'],
  ['[2001:db8::1]/repo', '[2001:db8::1]/repo:latest'],
  ['[::1]:5000/repo:tag', '[::1]:5000/repo:tag'],
  ['docker---rules/docker', 'docker.io/docker---rules/docker:latest', 'docker---rules/docker:latest'],
  ['dock__er/docker', 'docker.io/dock__er/docker:latest', 'dock__er/docker:latest'],
  ['docker.io/a.b/c', 'docker.io/a.b/c:latest', 'docker.io/a.b/c:latest'],
  ['d/docker', 'docker.io/d/docker:latest', 'd/docker:latest'],
  [
    `docker.io/${'1a'.repeat(32)}`,
    `docker.io/library/${'1a'.repeat(32)}:latest`,
    `${'1a'.repeat(32)}:latest`,
  ],
  [`x.y/${'a/'.repeat(127)}a:t`, `x.y/${'a/'.repeat(127)}a:t`],
];

for (const [text, full, familiar = full] of accepted) {
  test(`${text.slice(0, 60)} means ${full.slice(0, 60)}`, (t) => {
    const reference = parseReference(text);
    t.is(formatReference(reference), full);
    t.is(familiarName(reference), familiar);
    t.deepEqual(parseReference(full), reference);
    t.deepEqual(parseReference(familiar), reference);
  });
}

const refused: readonly [text: string, complaint: RegExp][] = [
  ['', /the name is empty/],
  [':justtag', /no name before the tag/],
  [`@${digest}`, /no name before the tag/],
  ['repo@sha256:ffff', /64 hex digits, not 4/],
  [`repo@md5:${'f'.repeat(64)}`, /unknown algorithm "md5"/],
  [`repo@sha512:${'f'.repeat(128)}`, /sha512 is not supported/],
  ['Uppercase:tag', /lower case: write "uppercase"/],
  ['test:5000/Uppercase/lowercase:tag', /write "uppercase"/],
  ['docker/Docker', /write "docker"/],
  [`${'a/'.repeat(128)}a:tag`, /257 characters; at most 255/],
  ['aa/asdf$$^/aa', /"\$" may not occur/],
  ['[2001:db8::1]', /./],
  ['[2001:db8::1]:5000', /./],
  ['[fe80::1%eth0]:5000/repo', /no host name/],
  ['fc00::1:5000/debian', /no host name/],
  ['1a'.repeat(32), /an image's id/],
  ['https://github.com/docker/docker', /leave out "https:\/\/"/],
  ['-docker', /begins with "-"/],
  ['docker-/docker', /must begin and end with/],
  ['docker///docker', /two slashes in a row/],
  ['docker.io/docker///docker', /two slashes in a row/],
  ['____/____', /must begin and end with/],
  ['_docker/_docker', /must begin and end with/],
  ['foo__.bar/x', /no host name|underscore/],
  ['docker/', /ends with "\/"/],
  ['/docker', /begins with "\/"/],
  ['host:port/x', /port in "host:port" must be a number/],
  ['my_host:5000/x', /no underscore/],
  ['ubuntu:', /tag after ":" is missing/],
  ['ubuntu:-x', /not begin with/],
  ['ubuntu:a b', /white space/],
  [`ubuntu:${'t'.repeat(129)}`, /129 characters; at most 128/],
  ['a:b:c', /":" may not|tag may only/],
  ['x'.repeat(10_000), /longer than/],
];

for (const [text, complaint] of refused) {
  test(`${JSON.stringify(text.slice(0, 60))} is refused: ${complaint.source}`, (t) => {
    t.throws(() => parseReference(text), { code: 'ERR_REFERENCE_INVALID', message: complaint });
  });
}

test('a tag decides unless there is a digest', (t) => {
  t.is(tagOrDigest(parseReference('a')), 'latest');
  t.is(tagOrDigest(parseReference(`a:b@${digest}`)), digest);
  const pinned = pinReference(parseReference('a:b'), parseDigest(digest));
  t.is(formatReference(pinned), `docker.io/library/a@${digest}`);
});

test('a repository has a full and a familiar name', (t) => {
  t.is(repositoryName(parseReference('ubuntu:1')), 'docker.io/library/ubuntu');
  t.is(familiarRepository(parseReference('docker.io/library/ubuntu:1')), 'ubuntu');
  t.is(familiarRepository(parseReference('quay.io/a/b')), 'quay.io/a/b');
});

const component = fc.stringMatching(/^[a-z0-9]{1,4}((\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}$/);
const label = fc.stringMatching(/^[a-zA-Z0-9]([a-zA-Z0-9-]{0,3}[a-zA-Z0-9])?$/);
const port = fc.option(fc.nat(65535), { nil: undefined });
const domain = fc
  .tuple(
    fc.oneof(
      fc.constant('localhost'),
      fc.array(label, { minLength: 2, maxLength: 3 }).map((l) => l.join('.')),
    ),
    port,
  )
  .map(([host, number]) => (number === undefined ? host : `${host}:${number}`));
/** A first component with a dot would be a registry, whose names have no underscore. */
const valid = fc
  .record({
    domain: fc.option(domain, { nil: undefined }),
    path: fc.array(component, { minLength: 1, maxLength: 4 }),
    tag: fc.option(fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/), { nil: undefined }),
    digest: fc.option(fc.stringMatching(/^[0-9a-f]{64}$/), { nil: undefined }),
  })
  .filter(({ domain: host, path }) => host !== undefined || path.length === 1 || !path[0]?.includes('.'))
  .map(
    ({ domain: host, path, tag, digest: hex }) =>
      (host === undefined ? '' : `${host}/`) +
      path.join('/') +
      (tag === undefined ? '' : `:${tag}`) +
      (hex === undefined ? '' : `@sha256:${hex}`),
  );

test('every name of the grammar reads back from its full and its familiar form', (t) => {
  fc.assert(
    fc.property(valid, (text) => {
      const reference = parseReference(text);
      t.deepEqual(parseReference(formatReference(reference)), reference);
      t.deepEqual(parseReference(familiarName(reference)), reference);
    }),
    { numRuns: 2000 },
  );
});

test('any text is a reference that reads back as the same, or ERR_REFERENCE_INVALID', (t) => {
  const characters = fc.constantFrom(...'aA0.:/@-_[] \n\0é~sha256localhost'.split(''));
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string({ unit: characters }),
    fc.array(valid).map((v) => v.join('')),
  );
  fc.assert(
    fc.property(texts, (text) => {
      try {
        const reference = parseReference(text);
        t.deepEqual(parseReference(formatReference(reference)), reference);
      } catch (error) {
        t.is((error as { code?: string }).code, 'ERR_REFERENCE_INVALID', String(error));
      }
    }),
    { numRuns: 5000 },
  );
});
