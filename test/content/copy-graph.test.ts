import test from 'ava';
import {
  BlobStore,
  type ContentSink,
  type ContentSource,
  copyGraph,
  fetchBytes,
  listGraph,
} from '../../lib/content/index.ts';
import { type Descriptor, digestOf } from '../../lib/oci/index.ts';
import { type BuiltImage, buildImage, buildIndex } from '../fixtures/image.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const layer = { entries: [{ path: 'shared', content: 'shared' }] };
const image = (name: string) => buildImage({ layers: [layer, { entries: [{ path: name, content: name }] }] });
const [one, two] = [image('one'), image('two')];
const index = buildIndex([
  [{ os: 'linux', architecture: 'amd64' }, one],
  [{ os: 'linux', architecture: 'arm64' }, two],
]);

/** An image in memory, and what was fetched of it. */
function sourceOf({ blobs }: BuiltImage, without?: string): ContentSource & { fetched: string[] } {
  const fetched: string[] = [];
  return {
    fetched,
    fetch: async ({ digest }) => {
      fetched.push(digest);
      const blob = digest === without ? undefined : blobs.get(digest);
      if (blob === undefined) throw new Error(`no ${digest}`);
      return (async function* () {
        yield blob.bytes;
      })();
    },
  };
}

/** Remembers what came, in order. */
function recordingSink(): ContentSink & { digests: string[] } {
  const digests: string[] = [];
  return {
    digests,
    put: async ({ digest }, body) => {
      for await (const _ of body);
      digests.push(digest);
    },
  };
}

test('a graph is copied children first, each blob once', async (t) => {
  const sink = recordingSink();
  const copied: Descriptor[] = [];
  await copyGraph(sourceOf(index), sink, index.target, { onCopied: (descriptor) => copied.push(descriptor) });
  t.is(sink.digests.length, index.blobs.size);
  t.is(sink.digests.at(-1), index.target.digest);
  const at = (digest: string) => sink.digests.indexOf(digest);
  for (const { target, config, layers } of [one, two]) {
    for (const child of [config, ...layers.map(({ blob }) => blob)])
      t.true(at(child.digest) < at(target.digest));
  }
  t.deepEqual(copied.map(({ digest }) => digest).sort(), [...sink.digests].sort());
  t.deepEqual(
    new Set((await listGraph(sourceOf(index), index.target)).map(({ digest }) => digest)).size,
    index.blobs.size,
  );
});

test('what the sink has is not read', async (t) => {
  const store = new BlobStore(temporaryFolder(t));
  await copyGraph(sourceOf(one), store, one.target);
  const source = sourceOf(index);
  await copyGraph(source, store, index.target);
  const layers = source.fetched.filter((digest) => one.layers.some(({ blob }) => blob.digest === digest));
  t.deepEqual(layers, []);
  t.true([...index.blobs.keys()].every((digest) => store.has(digest as Descriptor['digest'])));
});

test('what fails leaves no manifest above it', async (t) => {
  const sink = recordingSink();
  await t.throwsAsync(copyGraph(sourceOf(index, two.layers[1]!.blob.digest), sink, index.target), {
    message: /^no sha256/,
  });
  t.false(sink.digests.includes(two.target.digest));
  t.false(sink.digests.includes(index.target.digest));
  const abort = AbortSignal.abort(new Error('stopped'));
  await t.throwsAsync(copyGraph(sourceOf(one), recordingSink(), one.target, { signal: abort }));
});

test('a small blob is verified, and bounded', async (t) => {
  const bytes = one.blobs.get(one.target.digest)!.bytes;
  t.deepEqual(await fetchBytes(sourceOf(one), one.target, { limit: 10_000 }), bytes);
  await t.throwsAsync(fetchBytes(sourceOf(one), one.target, { limit: 10 }), { code: 'ERR_BLOB_TOO_LARGE' });
  const lie = { ...one.target, digest: digestOf('else') };
  const lying = {
    fetch: async () =>
      (async function* () {
        yield bytes;
      })(),
  };
  await t.throwsAsync(fetchBytes(lying, lie, { limit: 10_000 }), { code: 'ERR_BLOB_DIGEST_MISMATCH' });
  const empty = { mediaType: 'text/plain', digest: digestOf(''), size: 0 };
  t.is((await fetchBytes(sourceOf(one), empty, { limit: 1 })).length, 0);
});
