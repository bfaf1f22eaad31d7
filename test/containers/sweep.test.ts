import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { lockFile } from '../../bindings/files.ts';
import type { ContainersContext } from '../../lib/containers/context.ts';
import { ContainerStore } from '../../lib/containers/store.ts';
import { sweepLeftover } from '../../lib/containers/sweep.ts';

class StubbornStore extends ContainerStore {
  override async bury(): Promise<void> {
    throw new Error('it is busy');
  }
}

test('a sweep that fails lets go of the lock, so that the next one finds what is left', async (t) => {
  const root = await mkdtemp('/dev/shm/strake-sweep-');
  t.teardown(() => rm(root, { recursive: true }));
  const store = new StubbornStore(root, join(root, 'run'));
  store.prepare();
  const id = 'ab'.repeat(32);
  const entry = `.removed-${id}`;
  await mkdir(store.entryPath(entry));
  await writeFile(join(store.entryPath(entry), 'lock'), '');
  const context = { store } as unknown as ContainersContext;
  const leftover = { kind: 'removed', id, entry, volumes: false } as const;
  await t.throwsAsync(sweepLeftover(context, leftover), { message: 'it is busy' });
  const lock = await lockFile(join(store.entryPath(entry), 'lock'), { shared: false, wait: false });
  t.truthy(lock, 'nobody holds it any more');
  lock?.release();
});
