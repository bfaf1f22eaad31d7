import test from 'ava';
import fc from 'fast-check';
import { parseChallenges } from '../../lib/registry-client/challenge.ts';

const parse = (header: string) =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);

for (const [header, expected] of [
  ['', []],
  ['Basic realm="Registry Realm"', [['basic', { realm: 'Registry Realm' }]]],
  [
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/debian:pull,push"',
    [
      [
        'bearer',
        {
          realm: 'https://auth.docker.io/token',
          service: 'registry.docker.io',
          scope: 'repository:library/debian:pull,push',
        },
      ],
    ],
  ],
  ['bearer Realm = "a" , SERVICE=b', [['bearer', { realm: 'a', service: 'b' }]]],
  [
    'Basic realm="a, b=\\"c\\"", Bearer realm="d"',
    [
      ['basic', { realm: 'a, b="c"' }],
      ['bearer', { realm: 'd' }],
    ],
  ],
  [
    'Negotiate, Basic realm=x',
    [
      ['negotiate', {}],
      ['basic', { realm: 'x' }],
    ],
  ],
  ['Basic realm="never closed', [['basic', { realm: 'never closed' }]]],
  ['Bearer realm="a",error="insufficient_scope"', [['bearer', { realm: 'a', error: 'insufficient_scope' }]]],
] as const) {
  test(`the challenge ${JSON.stringify(header.slice(0, 50))} is read`, (t) => {
    t.deepEqual<unknown, unknown>(parse(header), expected);
  });
}

test('any header is read, in time that grows with its length only', (t) => {
  const words = fc.constantFrom('Bearer', 'Basic', ' ', '=', '"', '\\', ',', 'realm', 'x', '\t');
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words).map((w) => w.join('')),
      ),
      (header) => Array.isArray(parse(header)),
    ),
  );
  for (const part of ['"', '\\"', 'a=', ' ,', '="\\']) {
    const started = performance.now();
    parse(part.repeat(100_000 / part.length));
    t.true(performance.now() - started < 2000, part);
  }
});
