import test, { type ExecutionContext } from 'ava';
import type { ContentSink, ContentSource } from '../../lib/content/index.ts';
import { type Descriptor, digestOf } from '../../lib/oci/index.ts';

/** Something that stores content, and what a test can see of it. */
export interface TestedStore {
  readonly store: ContentSource & ContentSink;
  has(descriptor: Descriptor): Promise<boolean>;
  /** Names of what lies about half-made. */
  leftovers(): Promise<readonly string[]>;
}

/** What holds for every sink and source of content. */
export function contentContract(name: string, open: (t: ExecutionContext) => Promise<TestedStore>): void {
  const bytes = Buffer.from('the quick brown fox jumps over the lazy dog');
  const descriptor: Descriptor = { mediaType: 'text/plain', digest: digestOf(bytes), size: bytes.length };

  test(`${name}: what was put is fetched, whole or from an offset`, async (t) => {
    const { store } = await open(t);
    await store.put(descriptor, chunks(bytes));
    t.deepEqual(await collect(await store.fetch(descriptor)), bytes);
    t.deepEqual(await collect(await store.fetch(descriptor, { offset: 10 })), bytes.subarray(10));
  });

  test(`${name}: putting what exists succeeds without reading it`, async (t) => {
    const { store } = await open(t);
    await store.put(descriptor, chunks(bytes));
    await store.put(descriptor, unreadable());
    t.deepEqual(await collect(await store.fetch(descriptor)), bytes);
  });

  test(`${name}: many may put the same blob at once`, async (t) => {
    const { store, leftovers } = await open(t);
    await Promise.all(Array.from({ length: 8 }, () => store.put(descriptor, chunks(bytes))));
    t.deepEqual(await collect(await store.fetch(descriptor)), bytes);
    t.deepEqual(await leftovers(), []);
  });

  const lies = {
    'other bytes': ['ERR_BLOB_DIGEST_MISMATCH', Buffer.from(bytes.toString().toUpperCase())],
    'fewer bytes': ['ERR_BLOB_SIZE_MISMATCH', bytes.subarray(1)],
    'more bytes': ['ERR_BLOB_SIZE_MISMATCH', Buffer.concat([bytes, Buffer.from('!')])],
  } as const;
  for (const [lie, [code, sent]] of Object.entries(lies)) {
    test(`${name}: ${lie} than the descriptor says are refused and leave nothing`, async (t) => {
      const { store, has, leftovers } = await open(t);
      await t.throwsAsync(store.put(descriptor, chunks(sent)), { code });
      t.false(await has(descriptor));
      t.deepEqual(await leftovers(), []);
    });
  }

  test(`${name}: a body that fails, or a signal, leaves nothing`, async (t) => {
    const { store, has, leftovers } = await open(t);
    await t.throwsAsync(store.put(descriptor, failing(bytes)), { message: 'cut' });
    await t.throwsAsync(store.put(descriptor, chunks(bytes), { signal: AbortSignal.abort() }), { any: true });
    t.false(await has(descriptor));
    t.deepEqual(await leftovers(), []);
  });

  test(`${name}: what is absent cannot be fetched`, async (t) => {
    const { store } = await open(t);
    await t.throwsAsync(store.fetch(descriptor), { code: 'ERR_BLOB_NOT_FOUND' });
  });
}

async function* chunks(bytes: Buffer): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
}

async function* failing(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes.subarray(0, 7);
  throw new Error('cut');
}

function unreadable(): AsyncIterable<Buffer> {
  return {
    [Symbol.asyncIterator]() {
      throw new Error('was read');
    },
  };
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const chunk of body) all.push(chunk);
  return Buffer.concat(all);
}
