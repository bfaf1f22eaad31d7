import { chownSync, lstatSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  chooseIdMap,
  hostIds,
  insideOf,
  isExtendedBy,
  isMapped,
  mappedIds,
  mapText,
  parseMapText,
  sizeOf,
  subordinateRanges,
} from '../../lib/id-map/index.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const alice = { name: 'alice', uid: 1000 };

test('the ranges of a user are those by his name and by his number', (t) => {
  const text = 'bob:1:5\nalice:100000:65536\n1000:300000:10\nalicea:1:2\n';
  t.deepEqual(subordinateRanges(text, alice), [
    { start: 100_000, size: 65_536 },
    { start: 300_000, size: 10 },
  ]);
});

test('lines that are no ranges are passed over', (t) => {
  for (const line of [
    'alice:',
    'alice:1',
    'alice:-1:5',
    'alice:1:0',
    'alice:x:5',
    'alice:1.5:5',
    'alice:4294967295:1',
    'alice::65536',
    'alice:1e5:65536',
    'alice:1:99999999999',
    '# alice:1:5',
    '',
  ])
    t.deepEqual(subordinateRanges(line, alice), [], line);
});

test('ids past the last one are left out of a range', (t) => {
  t.deepEqual(subordinateRanges('alice:100000:4294967295', alice), [{ start: 100_000, size: 4_294_867_295 }]);
});

/** What the user's map is with these ranges of users, "start:size". */
function mapWith(...ranges: string[]): string {
  const subuids = ranges.flatMap((range) => subordinateRanges(`alice:${range}`, alice));
  const subgids = [{ start: 100_000, size: 1 }];
  return mapText(chooseIdMap({ ...alice, gid: 100, subuids, subgids, missingProgram: null }).map.uids);
}

test('no id is mapped twice, since the kernel refuses such a map', (t) => {
  t.is(mapWith('100000:65536', '100000:65536'), '0:1000:1 1:100000:65536');
  t.is(mapWith('900:200'), '0:1000:1 1:900:100 101:1001:99');
  t.is(mapWith('100000:10', '99990:40'), '0:1000:1 1:100000:10 11:99990:10 21:100010:20');
});

test('a map is extended by one in which all of its ids are what they were', (t) => {
  const map = parseMapText('0:1000:1 1:100000:65536\n');
  t.is(mapText(map), '0:1000:1 1:100000:65536');
  for (const more of [
    '0:1000:1 1:100000:65536',
    '0:1000:1 1:100000:70000',
    '0:1000:1 1:100000:65536 65537:7:1',
  ])
    t.true(isExtendedBy(map, parseMapText(more)), more);
  for (const other of [
    '0:1000:1',
    '0:1000:1 1:100000:65535',
    '0:1000:1 1:100001:65536',
    '0:1001:1 1:100000:65536',
  ])
    t.false(isExtendedBy(map, parseMapText(other)), other);
});

test('a map has as many ranges and ids as the kernel takes', (t) => {
  const many = Array.from({ length: 400 }, (_, n) => `${100_000 + 2 * n}:1`);
  t.is(mapWith(...many).split(' ').length, 340);
  t.is(mapWith('0:4294967295'), '0:1000:1 1:0:1000 1001:1001:4294966294');
});

test('the user is root inside, and his ranges follow from 1 without a gap', (t) => {
  const { map, single } = chooseIdMap({
    ...alice,
    gid: 100,
    subuids: [
      { start: 100_000, size: 65_536 },
      { start: 300_000, size: 10 },
    ],
    subgids: [{ start: 200_000, size: 5 }],
    missingProgram: null,
  });
  t.is(single, null);
  t.is(mapText(map.uids), '0:1000:1 1:100000:65536 65537:300000:10');
  t.is(mapText(map.gids), '0:100:1 1:200000:5');
  t.is(sizeOf(map.uids), 65_547);
  t.is(insideOf(map.uids, 1000), 0);
  t.is(insideOf(map.uids, 100_032), 33);
  t.is(insideOf(map.uids, 165_536), null);
  t.true(isMapped(map.gids, 5));
  t.false(isMapped(map.gids, 6));
});

for (const [why, missing] of Object.entries({
  '/etc/subuid has no range for alice': { subuids: [] },
  '/etc/subgid has no range for alice': { subgids: [] },
  'newgidmap is not installed': { missingProgram: 'newgidmap' },
}))
  test(`one id is left, and the remedy said, where ${why}`, (t) => {
    const ranges = [{ start: 100_000, size: 65_536 }];
    const { map, single } = chooseIdMap({
      ...alice,
      gid: 100,
      subuids: ranges,
      subgids: ranges,
      missingProgram: null,
      ...missing,
    });
    t.deepEqual(map, {
      uids: [{ containerID: 0, hostID: 1000, size: 1 }],
      gids: [{ containerID: 0, hostID: 100, size: 1 }],
    });
    t.true(single?.startsWith(why), single ?? '');
    t.regex(single ?? '', /usermod --add-subuids|apt-get install uidmap/);
  });

test("root's engine has the machine's own ids and needs no namespace", async (t) => {
  t.is(hostIds.map, null);
  t.is(await hostIds.namespace(), null);
  t.deepEqual(hostIds.inside({ uid: 7, gid: 8 }), { uid: 7, gid: 8 });
});

const rootTest = process.getuid?.() === 0 ? test : test.skip;

rootTest('files of mapped ids are given away and removed by their ids inside', async (t) => {
  const folder = temporaryFolder(t);
  const ranges = [{ containerID: 0, hostID: 700_000, size: 65_536 }];
  const ids = mappedIds({ uids: ranges, gids: ranges });
  const [tree, file] = [join(folder, 'tree'), join(folder, 'tree/file')];
  mkdirSync(tree);
  writeFileSync(file, '');
  chownSync(folder, 700_000, 700_000);
  chownSync(tree, 700_000, 700_000);
  chownSync(file, 700_000, 700_000);
  await ids.setOwner(file, { uid: 33, gid: 34 });
  t.deepEqual([lstatSync(file).uid, lstatSync(file).gid], [700_033, 700_034]);
  t.deepEqual(ids.inside(lstatSync(file)), { uid: 33, gid: 34 });
  t.deepEqual(ids.inside({ uid: 5, gid: 5 }), { uid: 0, gid: 0 });
  await t.throwsAsync(ids.setOwner(file, { uid: 70_000, gid: 0 }), { code: 'ERR_SYSTEM' });
  await ids.removeTree(tree);
  t.throws(() => lstatSync(tree), { code: 'ENOENT' });
});
