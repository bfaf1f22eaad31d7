import test from 'ava';
import { insideOf, mapOf, outsideOf } from '../../lib/id-map/index.ts';

const range = { start: 100_000, size: 1000 };

test('a range is the ids from 0 on', (t) => {
  t.deepEqual(mapOf(range, { uids: [], gids: [] }).uids, [{ containerID: 0, hostID: 100_000, size: 1000 }]);
});

const others: [title: string, at: number, size: number, expected: [number, number, number][]][] = [
  [
    'at its beginning',
    0,
    1,
    [
      [0, 5, 1],
      [1, 100_001, 999],
    ],
  ],
  [
    'within it',
    10,
    5,
    [
      [0, 100_000, 10],
      [10, 5, 5],
      [15, 100_015, 985],
    ],
  ],
  [
    'at its end',
    999,
    1,
    [
      [0, 100_000, 999],
      [999, 5, 1],
    ],
  ],
  [
    'past its end',
    2000,
    1,
    [
      [0, 100_000, 1000],
      [2000, 5, 1],
    ],
  ],
  [
    'over its end',
    900,
    500,
    [
      [0, 100_000, 900],
      [900, 5, 500],
    ],
  ],
];

for (const [title, containerID, size, expected] of others)
  test(`ids of the machine ${title} take the place of the range's`, (t) => {
    const { uids, gids } = mapOf(range, { uids: [{ containerID, hostID: 5, size }], gids: [] });
    t.deepEqual(
      uids.map((one) => [one.containerID, one.hostID, one.size]),
      expected,
    );
    t.is(gids.length, 1);
  });

test('an id outside is the inverse of the id inside', (t) => {
  const { uids } = mapOf(range, { uids: [{ containerID: 10, hostID: 5, size: 5 }], gids: [] });
  for (const id of [0, 9, 10, 14, 15, 999]) t.is(insideOf(uids, outsideOf(uids, id) ?? -1), id);
  t.is(outsideOf(uids, 1000), null);
});
