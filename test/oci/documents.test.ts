import test from 'ava';
import fc from 'fast-check';
import {
  digestOf,
  isDigest,
  type Manifest,
  mediaTypes,
  parseImageConfig,
  parseManifest,
} from '../../lib/oci/index.ts';

const blob = (mediaType: string, size = 10) => ({ mediaType, digest: digestOf(mediaType), size });
const config = blob(mediaTypes.ociConfig);
const layer = blob(mediaTypes.ociLayerGzip);
const image = { schemaVersion: 2, mediaType: mediaTypes.ociManifest, config, layers: [layer] };
const index = {
  schemaVersion: 2,
  manifests: [
    { ...blob(mediaTypes.ociManifest), platform: { os: 'linux', architecture: 'arm64', variant: 'v8' } },
  ],
};
const bytes = (document: unknown) => Buffer.from(JSON.stringify(document));
const parse = (document: unknown, mediaType: string = mediaTypes.ociManifest) =>
  parseManifest(bytes(document), mediaType);

test('an image manifest is read with its config and layers', (t) => {
  const manifest = parse({ ...image, annotations: { a: 'b' }, unknownField: [1] }) as Manifest;
  t.is(manifest.kind, 'manifest');
  t.deepEqual(manifest.config, config);
  t.deepEqual(manifest.layers, [layer]);
  t.deepEqual(manifest.annotations, { a: 'b' });
});

test('a Docker schema 2 manifest reads like an OCI one', (t) => {
  const docker = { schemaVersion: 2, mediaType: mediaTypes.dockerManifest, config, layers: [] };
  t.is(parse(docker, mediaTypes.dockerManifest).kind, 'manifest');
});

test("an index's platforms are in normal form", (t) => {
  const parsed = parse(index, mediaTypes.ociIndex);
  t.true(parsed.kind === 'index');
  t.deepEqual(parsed.kind === 'index' && parsed.manifests[0]?.platform, {
    os: 'linux',
    architecture: 'arm64',
  });
});

for (const [fault, document, mediaType, expected] of [
  [
    'is both manifest and index',
    { ...image, manifests: [] },
    mediaTypes.ociManifest,
    /manifests does not belong/,
  ],
  [
    'is both index and manifest',
    { ...index, layers: [layer] },
    mediaTypes.ociIndex,
    /layers does not belong/,
  ],
  ['claims another media type', image, mediaTypes.dockerManifest, /says .*oci.* but it was served/],
  ['lacks a config', { schemaVersion: 2, layers: [] }, mediaTypes.ociManifest, /manifest\.config is missing/],
  ['lacks layers', { schemaVersion: 2, config }, mediaTypes.ociManifest, /manifest\.layers is missing/],
  ['lacks a version', { config, layers: [] }, mediaTypes.ociManifest, /schemaVersion must be 2/],
  ['has layers that are no list', { ...image, layers: {} }, mediaTypes.ociManifest, /must be a list/],
  [
    'has too many layers',
    { ...image, layers: Array(1001).fill(layer) },
    mediaTypes.ociManifest,
    /at most 1000/,
  ],
  [
    'has a negative size',
    { ...image, layers: [{ ...layer, size: -1 }] },
    mediaTypes.ociManifest,
    /layers\[0\]\.size/,
  ],
  [
    'has a fractional size',
    { ...image, config: { ...config, size: 1.5 } },
    mediaTypes.ociManifest,
    /config\.size/,
  ],
  [
    'has a size in quotes',
    { ...image, config: { ...config, size: '9' } },
    mediaTypes.ociManifest,
    /config\.size/,
  ],
  ['is a list', [], mediaTypes.ociManifest, /must be an object, not a list/],
  ['is null', null, mediaTypes.ociManifest, /must be an object, not null/],
] as const) {
  test(`a manifest that ${fault} is refused with the place of the fault`, (t) => {
    t.throws(() => parse(document, mediaType), { code: 'ERR_MANIFEST_INVALID', message: expected });
  });
}

test('schema 1 is refused by name, by media type and by version', (t) => {
  const schema1 = { schemaVersion: 1, name: 'x', fsLayers: [] };
  const expected = { code: 'ERR_SCHEMA1_UNSUPPORTED', message: /schema 1/ };
  t.throws(() => parse(schema1, mediaTypes.dockerSchema1Signed), expected);
  t.throws(() => parse(schema1, mediaTypes.dockerManifest), expected);
});

test('an unknown media type is refused by name', (t) => {
  const expected = { code: 'ERR_MEDIA_TYPE_UNSUPPORTED', message: /"text\/html"/ };
  t.throws(() => parse(image, 'text/html'), expected);
});

test('what is over 4 MiB, no UTF-8 or no JSON is refused before it is looked at', (t) => {
  const read = (content: Buffer) => () => parseManifest(content, mediaTypes.ociManifest);
  t.throws(read(Buffer.alloc(4 * 1024 * 1024 + 1, ' ')), {
    code: 'ERR_MANIFEST_INVALID',
    message: /at most 4194304/,
  });
  t.throws(read(Buffer.from([0x7b, 0xff, 0x7d])), {
    code: 'ERR_MANIFEST_INVALID',
    message: /not valid JSON/,
  });
  t.throws(read(Buffer.from('{"a":')), { code: 'ERR_MANIFEST_INVALID', message: /not valid JSON/ });
});

test('a key __proto__ stays a key', (t) => {
  const text = JSON.stringify({ ...image, annotations: { a: 'b' } }).replace('"a":', '"__proto__":');
  const manifest = parseManifest(Buffer.from(text), mediaTypes.ociManifest);
  t.is(Object.getPrototypeOf(manifest.annotations), Object.prototype);
  t.deepEqual(Object.keys(manifest.annotations ?? {}), ['__proto__']);
});

test('any JSON is a manifest of verified shape or an EngineError, never another error', (t) => {
  const fields = fc.constantFrom(
    'config',
    'layers',
    'manifests',
    'schemaVersion',
    'mediaType',
    'digest',
    'size',
  );
  const value = fc.oneof(fc.jsonValue(), fc.constant(config), fc.constant([layer]), fc.constant(2));
  fc.assert(
    fc.property(
      fc.dictionary(fields, value),
      fc.constantFrom(mediaTypes.ociManifest, mediaTypes.ociIndex),
      (document, type) => {
        try {
          const parsed = parse(document, type);
          const descriptors =
            parsed.kind === 'manifest' ? [parsed.config, ...parsed.layers] : parsed.manifests;
          t.true(descriptors.every(({ digest, size }) => isDigest(digest) && Number.isSafeInteger(size)));
        } catch (error) {
          t.regex((error as { code?: string }).code ?? String(error), /^ERR_/);
        }
      },
    ),
    { numRuns: 500 },
  );
});

const minimal = {
  os: 'linux',
  architecture: 'x86_64',
  rootfs: { type: 'layers', diff_ids: [digestOf('a')] },
};

test('an image config is read in our spelling, nulls as absent', (t) => {
  const parsed = parseImageConfig(
    bytes({
      ...minimal,
      created: '2024-01-01T00:00:00Z',
      config: {
        User: '1000:100',
        Env: ['A=b'],
        Entrypoint: null,
        Cmd: ['sh', '-c'],
        Labels: null,
        Volumes: { '/data': {} },
        ExposedPorts: { '80/tcp': {} },
        WorkingDir: '',
        Healthcheck: { Test: ['CMD', 'true'], Interval: 5_000_000_000 },
      },
      history: [{ created_by: 'RUN x', empty_layer: true }, { comment: 'c' }],
    }),
  );
  t.deepEqual(parsed, {
    platform: { os: 'linux', architecture: 'amd64' },
    created: '2024-01-01T00:00:00Z',
    diffIds: [digestOf('a')],
    process: {
      user: '1000:100',
      env: ['A=b'],
      entrypoint: [],
      cmd: ['sh', '-c'],
      labels: {},
      exposedPorts: ['80/tcp'],
      volumes: ['/data'],
      onBuild: [],
      healthcheck: { test: ['CMD', 'true'], interval: 5_000_000_000 },
    },
    history: [
      { createdBy: 'RUN x', emptyLayer: true },
      { comment: 'c', emptyLayer: false },
    ],
  });
});

for (const [fault, document, expected] of [
  ['without a rootfs', { os: 'linux', architecture: 'arm' }, /rootfs is missing/],
  ['of another rootfs type', { ...minimal, rootfs: { type: 'tree' } }, /must be "layers"/],
  ['without an architecture', { os: 'linux', rootfs: minimal.rootfs }, /architecture is missing/],
  [
    'whose Env is a string',
    { ...minimal, config: { Env: 'A=b' } },
    /image config\.config\.Env must be a list/,
  ],
  ['whose Cmd has a number', { ...minimal, config: { Cmd: [1] } }, /Cmd\[0\] must be a string/],
] as const) {
  test(`an image config ${fault} is refused`, (t) => {
    t.throws(() => parseImageConfig(bytes(document)), {
      code: 'ERR_IMAGE_CONFIG_INVALID',
      message: expected,
    });
  });
}
