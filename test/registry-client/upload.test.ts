import test from 'ava';
import { defaultConfig } from '../../lib/config/index.ts';
import { type Descriptor, digestOf, mediaTypes } from '../../lib/oci/index.ts';
import { parseReference } from '../../lib/reference/index.ts';
import { type BlobToSend, openRemoteSink, type RemoteSink } from '../../lib/registry-client/index.ts';
import { noise } from '../fixtures/image.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { startUploadRegistry, type UploadQuirk, type UploadStep } from '../fixtures/upload-registry.ts';
import { sendError, startScriptedServer } from './scripted-server.ts';

const big = blobOf(noise(20 * 1024 * 1024 + 13, 5));
const small = blobOf(Buffer.from('{"small": true}'));

interface TestBlob extends BlobToSend {
  readonly bytes: Buffer;
  /** Offsets from which it was read. */
  readonly opened: number[];
}

function blobOf(bytes: Buffer): TestBlob {
  const opened: number[] = [];
  const descriptor = { mediaType: mediaTypes.ociLayerGzip, digest: digestOf(bytes), size: bytes.length };
  return {
    descriptor,
    bytes,
    opened,
    async *open(offset) {
      opened.push(offset);
      for (let at = offset; at < bytes.length; at += 1 << 20) yield bytes.subarray(at, at + (1 << 20));
    },
  };
}

function open(reference: string, mountFrom: readonly string[] = []): RemoteSink {
  const env = { DOCKER_CONFIG: '/nonexistent', PATH: process.env.PATH };
  const retry = { attempts: 3, baseDelay: 5, maxDelay: 20 };
  return openRemoteSink(parseReference(reference), { config: defaultConfig, env, retry, mountFrom });
}

/** The first requests of a step are answered so; the rest as a good registry does. */
function atFirst(step: UploadStep, ...quirks: UploadQuirk[]) {
  return (request: { step: UploadStep }) => (request.step === step ? quirks.shift() : undefined);
}

test('blobs and manifests are stored by a real registry, under a tag and by digest', async (t) => {
  await using registry = await startRegistry();
  await using sink = open(`${registry.address}/group/image`);
  for (const blob of [big, small]) {
    t.false(await sink.has(blob.descriptor));
    t.is(await sink.putBlob(blob), 'sent');
    t.true(await sink.has(blob.descriptor));
  }
  const { descriptor, bytes } = manifestOf(small.descriptor, [big.descriptor]);
  await sink.putManifest(descriptor, bytes, { tag: 'v1' });
  t.true(await sink.has(descriptor));
  const read = await fetch(`http://${registry.address}/v2/group/image/manifests/v1`, {
    headers: { accept: descriptor.mediaType },
  });
  t.is(digestOf(Buffer.from(await read.arrayBuffer())), descriptor.digest);
});

test('a large blob is streamed in one piece, a small one sent with the request that closes the upload', async (t) => {
  await using registry = await startUploadRegistry();
  await using sink = open(`${registry.address}/image`);
  const progress: number[] = [];
  await sink.putBlob(big, { onProgress: (sent) => progress.push(sent) });
  t.is(registry.steps('piece').length, 1);
  t.is(registry.steps('piece')[0]!.headers['content-length'], String(big.bytes.length));
  t.is(progress.at(-1), big.bytes.length);
  await sink.putBlob(small);
  t.is(registry.steps('piece').length, 1);
  t.deepEqual(
    [...registry.blobs.keys()],
    [big, small].map(({ descriptor }) => `image@${descriptor.digest}`),
  );
  t.is(registry.sessions.size, 0);
});

test('an upload that is cut goes on where the registry stands', async (t) => {
  await using registry = await startUploadRegistry();
  registry.quirk = atFirst('piece', { cutAfter: 5_000_000 }, { cutAfter: 0 }, { cutAfter: 3_000_000 });
  await using sink = open(`${registry.address}/image`);
  const blob = blobOf(big.bytes);
  await sink.putBlob(blob);
  t.deepEqual(blob.opened, [0, 5_000_000, 5_000_000, 8_000_000]);
  t.is(registry.steps('begin').length, 1);
  t.true(registry.blobs.get(`image@${blob.descriptor.digest}`)?.equals(blob.bytes));
});

test('as often as a cut upload has brought something it goes on; without anything it fails after the attempts', async (t) => {
  await using registry = await startUploadRegistry();
  registry.quirk = ({ step }) => (step === 'piece' ? { cutAfter: 2_000_000 } : undefined);
  await using sink = open(`${registry.address}/image`);
  await t.notThrowsAsync(sink.putBlob(blobOf(noise(9_000_000))).catch(() => undefined));
  t.true(registry.steps('piece').length > 4);
  registry.requests.length = 0;
  registry.quirk = ({ step }) => (step === 'piece' ? { cutAfter: 0 } : undefined);
  await t.throwsAsync(sink.putBlob(blobOf(noise(9_000_000, 2))), { code: 'ERR_REGISTRY_UNREACHABLE' });
  t.is(registry.steps('piece').length, 3);
});

test('a registry that has forgotten a cut upload gets it anew', async (t) => {
  await using registry = await startUploadRegistry();
  registry.quirk = (request) => {
    if (request.step === 'status') return { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' };
    return registry.steps('piece').length === 1 && request.step === 'piece'
      ? { cutAfter: 5_000_000 }
      : undefined;
  };
  await using sink = open(`${registry.address}/image`);
  const blob = blobOf(big.bytes);
  await sink.putBlob(blob);
  t.deepEqual(blob.opened, [0, 0]);
  t.is(registry.steps('begin').length, 2);
});

test('a registry that kept more or less than it was sent is followed', async (t) => {
  await using registry = await startUploadRegistry();
  registry.quirk = ({ step }) => {
    if (step !== 'piece' || registry.steps('piece').length > 1) return undefined;
    const [[id, kept]] = [...registry.sessions] as [[string, Buffer]];
    registry.sessions.set(id, Buffer.concat([kept, big.bytes.subarray(0, 1_000_000)]));
    return undefined;
  };
  await using sink = open(`${registry.address}/image`);
  const blob = blobOf(big.bytes);
  await sink.putBlob(blob);
  t.deepEqual(blob.opened, [0, 1_000_000]);
  t.is(registry.steps('piece')[1]!.headers['content-range'], `1000000-${big.bytes.length - 1}`);
});

test('an answer that is lost after the blob was stored is no failure', async (t) => {
  await using registry = await startUploadRegistry();
  registry.quirk = atFirst('close', { cutAnswer: true });
  await using sink = open(`${registry.address}/image`);
  await sink.putBlob(big);
  t.is(registry.steps('close').length, 1);
});

test('a registry that takes no streams gets the blob whole; one with a limit gets small pieces', async (t) => {
  for (const status of [404, 405, 501]) {
    await using registry = await startUploadRegistry();
    registry.quirk = ({ step }) => (step === 'piece' ? { status, code: 'UNSUPPORTED' } : undefined);
    await using sink = open(`${registry.address}/image`);
    await sink.putBlob(big);
    t.is(registry.steps('close')[0]!.received, big.bytes.length);
    t.is(registry.blobs.size, 1);
  }
  await using registry = await startUploadRegistry();
  registry.quirk = ({ step, headers }) =>
    step === 'piece' && Number(headers['content-length']) > 9_000_000 ? { status: 413 } : undefined;
  await using sink = open(`${registry.address}/image`);
  await sink.putBlob(big);
  const ranges = registry.steps('piece').map(({ headers }) => headers['content-range']);
  t.deepEqual(ranges, [undefined, '0-8388607', '8388608-16777215', `16777216-${big.bytes.length - 1}`]);
  t.is(registry.blobs.size, 1);
});

test('a blob that another repository has is mounted; where the registry will not, it is sent', async (t) => {
  await using registry = await startUploadRegistry();
  registry.blobs.set(`base@${big.descriptor.digest}`, big.bytes);
  await using sink = open(`${registry.address}/image`, ['other', 'base']);
  t.is(await sink.putBlob(big, { mountFrom: ['other', 'base'] }), 'mounted');
  t.is(registry.steps('piece').length, 0);
  t.is(registry.sessions.size, 0);
  t.is(await sink.putBlob(small, { mountFrom: ['other'] }), 'sent');
  t.is(registry.steps('begin').length, 0);
  registry.quirk = ({ step }) => (step === 'mount' ? { status: 403, code: 'DENIED' } : undefined);
  t.is(await sink.putBlob(blobOf(noise(100)), { mountFrom: ['base'] }), 'sent');
});

test('a real registry mounts', async (t) => {
  await using registry = await startRegistry();
  await using base = open(`${registry.address}/base`);
  await base.putBlob(big);
  await using sink = open(`${registry.address}/image`, ['base']);
  t.is(await sink.putBlob(big, { mountFrom: ['base'] }), 'mounted');
  t.true(await sink.has(big.descriptor));
});

test('a real registry takes what is cut in the middle, at the second attempt', async (t) => {
  await using registry = await startRegistry();
  await using sink = open(`${registry.address}/image`);
  const blob = blobOf(big.bytes);
  let cut = false;
  const failing: BlobToSend = {
    descriptor: blob.descriptor,
    async *open(offset) {
      for await (const piece of blob.open(offset)) {
        if (!cut && blob.opened.length === 1 && piece.byteOffset - big.bytes.byteOffset > 9_000_000) {
          cut = true;
          throw Object.assign(new Error('cut'), { code: 'ECONNRESET' });
        }
        yield piece;
      }
    },
  };
  await sink.putBlob(failing);
  t.true(cut);
  t.true(await sink.has(blob.descriptor));
});

const refusals: readonly [step: UploadStep, quirk: UploadQuirk, code: string, message: RegExp][] = [
  ['begin', { status: 403, code: 'DENIED', message: 'not you' }, 'ERR_REGISTRY_DENIED', /it says: not you/],
  ['begin', { status: 404, code: 'NAME_UNKNOWN' }, 'ERR_REPOSITORY_NOT_FOUND', /make it there first/],
  ['begin', { status: 405, code: 'UNSUPPORTED' }, 'ERR_REGISTRY_DENIED', /read-only/],
  ['begin', { status: 400, code: 'NAME_INVALID' }, 'ERR_UPLOAD_REFUSED', /NAME_INVALID/],
  ['close', { status: 400, code: 'DIGEST_INVALID' }, 'ERR_UPLOAD_REFUSED', /DIGEST_INVALID/],
  ['close', { status: 413 }, 'ERR_REGISTRY_QUOTA', /larger quota/],
  [
    'close',
    { status: 403, code: 'DENIED', message: 'quota exceeded' },
    'ERR_REGISTRY_QUOTA',
    /quota exceeded/,
  ],
  ['manifest', { status: 400, code: 'MANIFEST_INVALID' }, 'ERR_UPLOAD_REFUSED', /MANIFEST_INVALID/],
  [
    'manifest',
    { status: 412, code: 'PRECONDITION', message: 'tag is immutable' },
    'ERR_TAG_IMMUTABLE',
    /another tag/,
  ],
];

for (const [step, quirk, code, message] of refusals) {
  test(`${step} answered ${quirk.status} ${quirk.code ?? ''} ${quirk.message ?? ''}`.trim(), async (t) => {
    await using registry = await startUploadRegistry();
    registry.quirk = (request) => (request.step === step ? quirk : undefined);
    await using sink = open(`${registry.address}/image`);
    const pushing = async () => {
      await sink.putBlob(small);
      const { descriptor, bytes } = manifestOf(small.descriptor, []);
      await sink.putManifest(descriptor, bytes, { tag: 'v1' });
    };
    await t.throwsAsync(pushing(), { code, message });
  });
}

test('a registry that is busy is asked again when it says', async (t) => {
  await using registry = await startUploadRegistry();
  registry.quirk = atFirst('begin', { status: 429, headers: { 'retry-after': '0' } }, { status: 503 });
  await using sink = open(`${registry.address}/image`);
  await sink.putBlob(small);
  t.is(registry.steps('begin').length, 3);
});

test('an upload that is aborted stops, and closes its source', async (t) => {
  await using registry = await startUploadRegistry();
  await using sink = open(`${registry.address}/image`);
  const abort = new AbortController();
  let closed = false;
  const endless: BlobToSend = {
    descriptor: { ...big.descriptor, size: 1e12 },
    async *open() {
      try {
        for (let count = 0; ; count++) {
          if (count === 3) abort.abort();
          yield Buffer.alloc(1 << 16);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      } finally {
        closed = true;
      }
    },
  };
  await t.throwsAsync(sink.putBlob(endless, { signal: abort.signal }), { code: 'ERR_ABORTED' });
  for (let wait = 0; wait < 100 && !closed; wait++) await new Promise((resolve) => setTimeout(resolve, 10));
  t.true(closed);
});

test('a token is asked for that may push and mount, once; another host that an upload leads to never sees it', async (t) => {
  await using storage = await startScriptedServer((request, response) => {
    response.writeHead(request.method === 'PUT' ? 201 : 202).end();
  });
  await using registry = await startScriptedServer((request, response) => {
    if (request.url.pathname === '/token') return void response.end('{"token": "secret"}');
    if (request.headers.authorization === undefined) {
      const challenge = `Bearer realm="${registry.url}/token",service="r",scope="repository:image:pull"`;
      return sendError(response, 401, 'UNAUTHORIZED', '', { 'www-authenticate': challenge });
    }
    if (request.method === 'HEAD') return void response.writeHead(404).end();
    return void response.writeHead(202, { location: `${storage.url}/upload?sig=a%2Fb` }).end();
  });
  await using sink = open(`${registry.host}/image`, ['base']);
  t.false(await sink.has(small.descriptor));
  await sink.putBlob(small);
  const tokens = registry.requests.filter(({ url }) => url.pathname === '/token');
  t.is(tokens.length, 1);
  t.deepEqual(tokens[0]!.url.searchParams.getAll('scope'), [
    'repository:image:pull,push',
    'repository:base:pull',
  ]);
  t.is(storage.requests.length, 1);
  t.is(storage.requests[0]!.url.search, `?sig=a%2Fb&digest=${encodeURIComponent(small.descriptor.digest)}`);
  t.is(storage.requests[0]!.headers.authorization, undefined);
});

test('an upload that is redirected takes its body along, and no credentials; one that would become a GET fails', async (t) => {
  await using storage = await startScriptedServer((_, response) => void response.writeHead(201).end());
  let status = 307;
  await using registry = await startScriptedServer((request, response) => {
    if (request.headers.authorization === undefined) {
      return sendError(response, 401, 'UNAUTHORIZED', '', { 'www-authenticate': 'Basic realm="x"' });
    }
    if (request.method === 'POST') return void response.writeHead(202, { location: '/upload' }).end();
    return void response.writeHead(status, { location: `${storage.url}/put` }).end();
  });
  const credentials = { username: 'me', password: 'secret' };
  const env = { DOCKER_CONFIG: '/nonexistent' };
  await using sink = openRemoteSink(parseReference(`${registry.host}/image`), { env, credentials });
  await sink.putBlob(small);
  t.is(storage.requests[0]!.body, small.bytes.toString());
  t.is(storage.requests[0]!.headers.authorization, undefined);
  status = 302;
  await t.throwsAsync(sink.putBlob(small), {
    code: 'ERR_REGISTRY_RESPONSE',
    message: /redirected an upload by 302/,
  });
});

test('a body that can be read once only is put, and a manifest by its digest', async (t) => {
  await using registry = await startUploadRegistry();
  await using sink = open(`${registry.address}/image`);
  await sink.put(big.descriptor, big.open(0));
  await sink.put(small.descriptor, small.open(0));
  const { descriptor, bytes } = manifestOf(small.descriptor, [big.descriptor]);
  await sink.put(descriptor, blobOf(bytes).open(0));
  t.true(registry.manifests.has(`image@${descriptor.digest}`));
  const requests = registry.requests.length;
  await sink.put(big.descriptor, big.open(0));
  t.is(registry.requests.length, requests + 1);
  registry.blobs.clear();
  registry.quirk = ({ step }) => (step === 'piece' ? { cutAfter: 1_000_000 } : undefined);
  await t.throwsAsync(sink.put(big.descriptor, big.open(0)), {
    code: 'ERR_UPLOAD_INTERRUPTED',
    message: /again/,
  });
});

function manifestOf(
  config: Descriptor,
  layers: readonly Descriptor[],
): { descriptor: Descriptor; bytes: Buffer } {
  const mediaType = mediaTypes.ociManifest;
  const described = { ...config, mediaType: mediaTypes.ociConfig };
  const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, config: described, layers }));
  return { descriptor: { mediaType, digest: digestOf(bytes), size: bytes.length }, bytes };
}
