import { existsSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { LayerTarget } from '../../bindings/layer.ts';
import { chainIds, type Digest, digestOf } from '../../lib/oci/index.ts';
import type { Snapshotter } from '../../lib/snapshots/index.ts';
import { commitTar, fillIngest } from '../fixtures/commit-tar.ts';
import { inMount } from '../fixtures/in-mount.ts';
import { tarOf } from '../fixtures/tar.ts';

/** A snapshotter on an empty store, and what a test can see of it. */
export interface TestedSnapshotter {
  readonly layers: Snapshotter;
  /** The same store, as another process opens it. */
  reopen(): Snapshotter;
  /** Names of what lies about half-made or half-removed. */
  leftovers(): readonly string[];
}

const baseTar = tarOf([
  { path: 'etc/' },
  { path: 'etc/release', content: 'base' },
  { path: 'etc/gone', content: 'base' },
  { path: 'opaque/' },
  { path: 'opaque/below', content: 'base' },
]);
const topTar = tarOf([
  { path: 'etc/' },
  { path: 'etc/release', content: 'top' },
  { path: 'etc/.wh.gone' },
  { path: 'opaque/' },
  { path: 'opaque/.wh..wh..opq' },
  { path: 'opaque/above', content: 'top' },
]);
const [baseId, topId] = chainIds([digestOf(baseTar), digestOf(topTar)]) as [Digest, Digest];

/** What holds for every snapshotter. Needs root: what it answers is really mounted, in a mount namespace of its own. */
export function snapshotterContract(
  name: string,
  open: (t: ExecutionContext) => Promise<TestedSnapshotter>,
): void {
  async function commitBase(layers: Snapshotter): Promise<void> {
    await commitTar(layers, baseId, null, baseTar);
  }

  async function commitTop(layers: Snapshotter): Promise<void> {
    await commitTar(layers, topId, baseId, topTar);
  }

  async function openBoth(t: ExecutionContext): Promise<TestedSnapshotter> {
    const tested = await open(t);
    await commitBase(tested.layers);
    await commitTop(tested.layers);
    return tested;
  }

  test(`${name}: a layer is there once it is committed, for every process`, async (t) => {
    const { layers, reopen } = await open(t);
    t.false(await layers.has(baseId));
    await t.throwsAsync(layers.stat(baseId), { code: 'ERR_LAYER_NOT_FOUND' });
    await commitBase(layers);
    for (const store of [layers, reopen()]) {
      t.true(await store.has(baseId));
      t.like(await store.stat(baseId), {
        chainId: baseId,
        diffId: digestOf(baseTar),
        parent: null,
      });
      t.true((await store.stat(baseId)).size >= 12);
      t.deepEqual(
        (await store.list()).map(({ chainId }) => chainId),
        [baseId],
      );
    }
  });

  test(`${name}: an ingest that is not committed leaves nothing`, async (t) => {
    const { layers, leftovers } = await open(t);
    {
      await using ingest = await layers.ingest(baseId);
      await fillIngest(ingest, baseTar);
      t.true(leftovers().length > 0);
    }
    t.deepEqual(leftovers(), []);
    t.false(await layers.has(baseId));
  });

  test(`${name}: committing what exists succeeds and leaves nothing`, async (t) => {
    const { layers, leftovers } = await open(t);
    await Promise.all([commitBase(layers), commitBase(layers), commitBase(layers)]);
    await commitBase(layers);
    t.deepEqual(leftovers(), []);
    t.is((await layers.list()).length, 1);
  });

  test(`${name}: a layer needs its parent, and the name that its chain gives it`, async (t) => {
    const { layers, leftovers } = await open(t);
    await t.throwsAsync(commitTop(layers), { code: 'ERR_LAYER_NOT_FOUND' });
    await t.throwsAsync(commitTar(layers, topId, null, topTar), { code: 'ERR_INVALID_ARGUMENT' });
    t.deepEqual(leftovers(), []);
  });

  test(`${name}: layers are staged one above the other, and named base first`, async (t) => {
    const { layers } = await open(t);
    const [lower, upper] = [
      tarOf([{ path: 'srv/', uid: 12, gid: 34 }]),
      tarOf([{ path: 'srv/file', content: 'x' }]),
    ];
    const [lowerId, upperId] = chainIds([digestOf(lower), digestOf(upper)]) as [Digest, Digest];
    await using base = await layers.ingest(lowerId);
    await using top = await layers.ingest(upperId);
    await base.stage({ ...(await fillIngest(base, lower)), parent: null });
    await top.stage({ ...(await fillIngest(top, upper)), parent: lowerId });
    const order: string[] = [];
    const commits = [top.commit().then(() => order.push('top')), turn().then(() => base.commit())];
    await turn();
    t.false(await layers.has(upperId));
    await Promise.all(commits);
    t.deepEqual(order, ['top']);
    t.is(inMount(await layers.view(upperId), 'stat -c "%u %g" srv'), '12 34\n');
  });

  test(`${name}: a layer whose staged parent is given up gets no name`, async (t) => {
    const { layers, leftovers } = await open(t);
    {
      await using top = await layers.ingest(topId);
      {
        await using base = await layers.ingest(baseId);
        await base.stage({ ...(await fillIngest(base, baseTar)), parent: null });
        await top.stage({ ...(await fillIngest(top, topTar)), parent: baseId });
      }
      await t.throwsAsync(top.commit(), { code: 'ERR_LAYER_NOT_FOUND' });
    }
    t.deepEqual(await layers.list(), []);
    t.deepEqual(leftovers(), []);
  });

  test(`${name}: a writable layer shows upper files over lower ones, without what was whited out`, async (t) => {
    const { layers } = await openBoth(t);
    const mount = await layers.prepare('one', topId);
    t.is(inMount(mount, 'cat etc/release; ls etc opaque'), 'topetc:\nrelease\n\nopaque:\nabove\n');
  });

  test(`${name}: what a container writes stays in its own layer, also when mounted again`, async (t) => {
    const { layers, reopen } = await openBoth(t);
    const one = await layers.prepare('one', topId);
    const two = await layers.prepare('two', topId);
    inMount(one, 'echo changed > etc/release; rm -r opaque');
    t.is(inMount(two, 'cat etc/release; ls'), 'topetc\nopaque\n');
    const again = await reopen().mount('one', topId);
    t.deepEqual(again, one);
    t.is(inMount(again, 'cat etc/release; ls'), 'changed\netc\n');
  });

  test(`${name}: a volatile layer can be mounted again`, async (t) => {
    const { layers } = await openBoth(t);
    inMount(await layers.prepare('one', topId, { volatile: true }), 'echo changed > file');
    t.is(inMount(await layers.mount('one', topId, { volatile: true }), 'cat file'), 'changed\n');
  });

  test(`${name}: a view has no writable layer`, async (t) => {
    const { layers } = await openBoth(t);
    const script = 'touch file 2>/dev/null || echo read-only; cat etc/release';
    t.is(inMount(await layers.view(topId), script), 'read-only\ntop');
    t.is(inMount(await layers.view(baseId), script), 'read-only\nbase');
  });

  test(`${name}: the root has the owner and mode of the topmost layer's`, async (t) => {
    const { layers } = await open(t);
    const tar = tarOf([{ path: './', mode: 0o1710, uid: 12, gid: 34 }]);
    await commitTar(layers, digestOf(tar), null, tar);
    t.is(inMount(await layers.prepare('one', digestOf(tar)), 'stat -c "%a %u %g" .'), '1710 12 34\n');
  });

  test(`${name}: an image without layers is an empty root`, async (t) => {
    const { layers } = await open(t);
    t.is(inMount(await layers.prepare('one', null), 'ls -A; stat -c "%a %u" .'), '755 0\n');
  });

  test(`${name}: a key has one writable layer, above a layer that exists`, async (t) => {
    const { layers } = await openBoth(t);
    await layers.prepare('one', topId);
    await t.throwsAsync(layers.prepare('one', topId), { code: 'ERR_SNAPSHOT_EXISTS' });
    await t.throwsAsync(layers.prepare('two', digestOf('absent')), { code: 'ERR_LAYER_NOT_FOUND' });
  });

  test(`${name}: a discarded layer is gone, also when it was there no more`, async (t) => {
    const { layers } = await openBoth(t);
    const mount = await layers.prepare('one', topId);
    inMount(mount, 'echo x > file');
    await layers.discard('one');
    await layers.discard('one');
    t.is(inMount(await layers.prepare('one', topId), 'ls'), 'etc\nopaque\n');
  });

  test(`${name}: layers are removed together, children first, and those below one that stays are kept`, async (t) => {
    const { layers, reopen, leftovers } = await openBoth(t);
    t.deepEqual(await layers.remove([baseId]), []);
    t.true(await layers.has(baseId));
    t.deepEqual(await layers.remove([baseId, topId, digestOf('absent')]), [topId, baseId]);
    t.false(await layers.has(topId));
    t.deepEqual(await reopen().list(), []);
    t.deepEqual(leftovers(), []);
    await commitBase(layers);
    t.true(await layers.has(baseId));
  });

  test(`${name}: a removal puts back what somebody needs after all, with all that lies below`, async (t) => {
    const { layers, leftovers } = await openBoth(t);
    const keep = asked(
      async () => new Set(),
      async () => {
        t.false(await layers.has(topId));
        return new Set([topId]);
      },
    );
    t.deepEqual(await layers.remove([baseId, topId], { keep }), []);
    t.is(inMount(await layers.prepare('one', topId), 'cat etc/release'), 'top');
    t.deepEqual(leftovers(), []);
  });

  test(`${name}: what is known to be needed is not hidden for a moment`, async (t) => {
    const { layers } = await openBoth(t);
    const keep = async () => {
      t.true(await layers.has(baseId));
      return new Set([baseId]);
    };
    t.deepEqual(await layers.remove([baseId, topId], { keep }), [topId]);
  });

  test(`${name}: who records a need while a removal asks waits for it, and has what he needs`, async (t) => {
    const { layers, reopen } = await openBoth(t);
    await layers.removalsDecided();
    let decided: Promise<void> | undefined;
    const keep = asked(
      async () => new Set(),
      async () => {
        decided = reopen().removalsDecided();
        t.is(await Promise.race([decided, delay(20, 'waits')]), 'waits');
        return new Set([topId]);
      },
    );
    t.deepEqual(await layers.remove([baseId, topId], { keep }), []);
    await decided;
    t.is(inMount(await reopen().prepare('one', topId), 'cat etc/release'), 'top');
  });

  test(`${name}: a removal that cannot learn what is needed takes nothing away`, async (t) => {
    const { layers, leftovers } = await openBoth(t);
    const fail = async () => {
      throw new Error('no answer');
    };
    await t.throwsAsync(layers.remove([baseId, topId], { keep: fail }), { message: 'no answer' });
    t.deepEqual(leftovers(), []);
    t.is(inMount(await layers.prepare('one', topId), 'cat etc/release'), 'top');
  });

  test(`${name}: a sweep leaves an ingest whose maker lives`, async (t) => {
    const { layers, reopen } = await open(t);
    await using ingest = await layers.ingest(baseId);
    await reopen().sweep();
    t.true(existsSync(pathOf(ingest.target)));
  });

  test(`${name}: removing follows no link out of the layer`, async (t) => {
    const { layers } = await openBoth(t);
    const outside = await layers.prepare('outside', null);
    const kept = outside.type === 'directory' ? join(outside.path, 'kept') : '';
    writeFileSync(kept, 'x');
    const mount = await layers.prepare('one', topId);
    symlinkSync(join(kept, '..'), join(mount.type === 'overlay' ? (mount.upper ?? '') : '', 'link'));
    await layers.discard('one');
    t.true(existsSync(kept));
  });
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20));
}

/** Below that folder all is the ingest's. */
function pathOf(target: LayerTarget): string {
  return 'tar' in target ? dirname(target.tar) : target.directory;
}

/** A function that answers at each call as the next one of `answers`. */
function asked(...answers: (() => Promise<Set<Digest>>)[]): () => Promise<Set<Digest>> {
  return () => answers.shift()!();
}
