import test from 'ava';
import { isEngineError } from '../../lib/engine/index.ts';
import { type AttackGround, openAttackGround } from '../fixtures/attack.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import type { TarEntry } from '../fixtures/tar.ts';

let ground: AttackGround;

test.before(async () => {
  ground = await openAttackGround();
});

test.after.always(async () => {
  await ground?.[Symbol.asyncDispose]();
});

/** What a layer may try, and whether it must be refused; otherwise it may be taken for a path inside. */
const attacks: Readonly<
  Record<string, (canary: AttackGround['canary']) => { entries: TarEntry[]; refused: boolean }>
> = {
  'a path with dots leads out': ({ relativePath }) => ({
    entries: [{ path: `${relativePath}/new`, content: 'x' }],
    refused: true,
  }),
  'dots come after a folder': ({ relativePath }) => ({
    entries: [{ path: 'a/' }, { path: `a/${relativePath}/new`, content: 'x' }],
    refused: true,
  }),
  'a path is absolute': ({ path }) => ({ entries: [{ path: `${path}/new`, content: 'x' }], refused: false }),
  'the parent is an absolute symbolic link': ({ path }) => ({
    entries: [
      { path: 'link', target: path },
      { path: 'link/new', content: 'x' },
    ],
    refused: false,
  }),
  'the parent is a relative symbolic link': ({ relativePath }) => ({
    entries: [{ path: 'a/' }, { path: 'a/link', target: relativePath }, { path: 'a/link/new', content: 'x' }],
    refused: false,
  }),
  'the parent is a chain of links': ({ path }) => ({
    entries: [
      { path: 'one', target: '/' },
      { path: 'two', target: `one${path}` },
      { path: 'two/new', content: 'x' },
    ],
    refused: false,
  }),
  'a hard link reaches outside by dots': ({ relativePath }) => ({
    entries: [
      { path: 'stolen', linkTo: `${relativePath}/secret` },
      { path: 'stolen', content: 'overwritten' },
    ],
    refused: true,
  }),
  'a hard link reaches outside through a link': ({ path }) => ({
    entries: [
      { path: 'link', target: path },
      { path: 'stolen', linkTo: 'link/secret' },
    ],
    refused: true,
  }),
  'a file is written through a link of its own name': ({ path }) => ({
    entries: [
      { path: 'file', target: `${path}/secret` },
      { path: 'file', content: 'overwritten', mode: 0o666 },
    ],
    refused: false,
  }),
  'a hard link to a link is then written through': ({ path }) => ({
    entries: [
      { path: 'link', target: `${path}/secret` },
      { path: 'other', linkTo: 'link' },
      { path: 'other', content: 'overwritten' },
    ],
    refused: false,
  }),
  'a whiteout names a file behind a link': ({ path }) => ({
    entries: [
      { path: 'link', target: path },
      { path: 'link/.wh.secret', content: '' },
    ],
    refused: false,
  }),
  'an opaque marker stands behind a link': ({ path }) => ({
    entries: [
      { path: 'link', target: path },
      { path: 'link/.wh..wh..opq', content: '' },
    ],
    refused: false,
  }),
  'a whiteout names the folder above': () => ({
    entries: [{ path: 'a/' }, { path: 'a/.wh...', content: '' }],
    refused: true,
  }),
  'a whiteout names its own folder': () => ({
    entries: [{ path: 'a/' }, { path: 'a/.wh..', content: '' }],
    refused: true,
  }),
  'a whiteout names nothing': () => ({
    entries: [{ path: 'a/' }, { path: 'a/.wh.', content: '' }],
    refused: true,
  }),
  'the root itself is a link': ({ path }) => ({
    entries: [
      { path: '.', target: path },
      { path: 'new', content: 'x' },
    ],
    refused: false,
  }),
  'a folder becomes a link, then has a file': ({ path }) => ({
    entries: [{ path: 'a/' }, { path: 'a', target: path }, { path: 'a/new', content: 'x' }],
    refused: false,
  }),
};

for (const [title, attack] of Object.entries(attacks)) {
  test.serial(`${title}: nothing outside is touched`, async (t) => {
    await using _ = await watchLeaks(t, ground.engine);
    const { entries, refused } = attack(ground.canary);
    const reference = ground.serve({ layers: [{ entries }] });
    const error = await Promise.resolve(ground.engine.images.pull(reference)).then(
      () => null,
      (reason: unknown) => reason,
    );
    t.deepEqual(await ground.damage(), []);
    if (refused) t.truthy(error, 'it was accepted');
    if (error === null) return;
    t.true(
      isEngineError(error) && ['ERR_LAYER_UNSAFE', 'ERR_LAYER_CORRUPT'].includes(error.code),
      String(error),
    );
    await t.throwsAsync(ground.engine.images.inspect(reference), { code: 'ERR_IMAGE_NOT_FOUND' });
  });
}

test.serial(
  "an attack in the second layer uses the first one's links: nothing outside is touched",
  async (t) => {
    const first: TarEntry[] = [{ path: 'link', target: ground.canary.path }];
    const second: TarEntry[] = [
      { path: 'link/new', content: 'x' },
      { path: 'link/.wh.secret', content: '' },
    ];
    const reference = ground.serve({ layers: [{ entries: first }, { entries: second }] });
    await Promise.resolve(ground.engine.images.pull(reference)).catch(() => {});
    t.deepEqual(await ground.damage(), []);
  },
);
