import test from 'ava';
import {
  digestOf,
  encodeImageConfig,
  encodeIndex,
  encodeManifest,
  type ImageConfig,
  mediaTypes,
  parseImageConfig,
  parseManifest,
} from '../../lib/oci/index.ts';

const config: ImageConfig = {
  platform: { os: 'linux', architecture: 'arm', variant: 'v6' },
  created: '2024-01-02T03:04:05Z',
  author: 'somebody',
  process: {
    user: 'app',
    env: ['A=1'],
    entrypoint: ['/e'],
    cmd: ['c'],
    workingDir: '/w',
    labels: { l: 'v' },
    exposedPorts: ['80/tcp'],
    volumes: ['/v'],
    stopSignal: 'SIGINT',
    shell: ['/bin/ash', '-c'],
    onBuild: ['RUN x'],
    healthcheck: { test: ['CMD', 'x'], interval: 1e9, retries: 3 },
  },
  diffIds: [digestOf('one')],
  history: [
    { created: '2024-01-02T03:04:05Z', createdBy: 'make', comment: 'c', author: 'a', emptyLayer: false },
    { createdBy: 'CMD', emptyLayer: true },
  ],
};

test('a config is written so that the same config is read, and the same bytes are written', (t) => {
  const bytes = encodeImageConfig(config);
  t.deepEqual(parseImageConfig(bytes), config);
  t.deepEqual(encodeImageConfig(parseImageConfig(bytes)), bytes);
});

test('a manifest and an index are written as they are read', (t) => {
  const descriptor = { mediaType: mediaTypes.ociConfig, digest: digestOf('x'), size: 1 };
  const layer = { mediaType: mediaTypes.ociLayer, digest: digestOf('y'), size: 2 };
  const manifest = encodeManifest({ config: descriptor, layers: [layer], annotations: { a: 'b' } });
  t.deepEqual(parseManifest(manifest, mediaTypes.ociManifest), {
    kind: 'manifest',
    mediaType: mediaTypes.ociManifest,
    config: descriptor,
    layers: [layer],
    annotations: { a: 'b' },
  });
  const entry = {
    mediaType: mediaTypes.ociManifest,
    digest: digestOf(manifest),
    size: manifest.length,
    platform: { os: 'windows', architecture: 'amd64', osVersion: '10.0', osFeatures: ['win32k'] },
    annotations: { c: 'd' },
  };
  t.deepEqual(parseManifest(encodeIndex([entry]), mediaTypes.ociIndex), {
    kind: 'index',
    mediaType: mediaTypes.ociIndex,
    manifests: [entry],
  });
});
