import { mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { findCdiEdits, isCdiName } from '../../lib/cdi/index.ts';

const test = anyTest as TestFn<{ etc: string; run: string; top: string; directories: string[] }>;

test.beforeEach(async (t) => {
  const top = await mkdtemp(join(tmpdir(), 'strake-cdi-'));
  const [etc, run] = [join(top, 'etc'), join(top, 'run')];
  mkdirSync(etc);
  t.context = { etc, run, top, directories: [etc, run] };
});
test.afterEach.always((t) => rm(t.context.top, { recursive: true, force: true }));

const spec = (devices: unknown[], more: object = {}) => ({
  cdiVersion: '0.6.0',
  kind: 'vendor.com/gpu',
  devices,
  ...more,
});
const device = (name: string, containerEdits: object = {}) => ({ name, containerEdits });

test('names are vendor/class=device', (t) => {
  for (const name of ['vendor.com/gpu=0', 'nvidia.com/gpu=all', 'a/b=GPU-1:2', 'vendor.com/net_if=eth-0'])
    t.true(isCdiName(name), name);
  for (const name of [
    '/dev/fuse',
    'vendor.com=0',
    'vendor.com/gpu=',
    'a/b=c=d',
    '1a/b=c',
    'a/b/c=d',
    'a/b=-c',
  ])
    t.false(isCdiName(name), name);
});

test("edits for all of a spec's devices come once, then those of each device in the order asked for", async (t) => {
  const { etc, directories } = t.context;
  const document = spec([device('0', { env: ['GPU0=1'] }), device('1', { env: ['GPU1=1'] })], {
    containerEdits: {
      env: ['ALL=1'],
      mounts: [{ hostPath: '/lib', containerPath: '/vendor', options: ['ro'] }],
    },
  });
  writeFileSync(join(etc, 'a.json'), JSON.stringify(document));
  const edits = await findCdiEdits(['vendor.com/gpu=1', 'vendor.com/gpu=0'], { directories });
  t.deepEqual(edits.env, ['ALL=1', 'GPU1=1', 'GPU0=1']);
  t.deepEqual(edits.mounts, [{ hostPath: '/lib', containerPath: '/vendor', options: ['ro'] }]);
});

test('YAML, as nvidia-ctk writes it', async (t) => {
  const { etc, directories } = t.context;
  const text = `---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
containerEdits:
  hooks:
  - hookName: createContainer
    path: /usr/bin/nvidia-ctk
    args: [nvidia-ctk, hook, update-ldcache]
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
      fileMode: 438
    additionalGids: [44, 0]
`;
  writeFileSync(join(etc, 'nvidia.yaml'), text);
  t.deepEqual(await findCdiEdits(['nvidia.com/gpu=0'], { directories }), {
    env: [],
    deviceNodes: [{ path: '/dev/nvidia0', fileMode: 438 }],
    mounts: [],
    hooks: [
      {
        hookName: 'createContainer',
        path: '/usr/bin/nvidia-ctk',
        args: ['nvidia-ctk', 'hook', 'update-ldcache'],
      },
    ],
    additionalGids: [44],
  });
});

test('the later directory comes first; of one directory two files with the device are a conflict', async (t) => {
  const { etc, run, directories } = t.context;
  mkdirSync(run);
  writeFileSync(join(etc, 'a.json'), JSON.stringify(spec([device('0', { env: ['FROM=etc'] })])));
  writeFileSync(join(run, 'a.json'), JSON.stringify(spec([device('0', { env: ['FROM=run'] })])));
  t.deepEqual((await findCdiEdits(['vendor.com/gpu=0'], { directories })).env, ['FROM=run']);
  writeFileSync(join(run, 'b.json'), JSON.stringify(spec([device('0')])));
  await t.throwsAsync(findCdiEdits(['vendor.com/gpu=0'], { directories }), {
    code: 'ERR_CDI_SPEC_INVALID',
    message: /conflicting CDI device vendor\.com\/gpu=0: .*run\/a\.json and .*run\/b\.json/,
  });
});

test('a device that no file has is told with the files that were read', async (t) => {
  const { etc, directories } = t.context;
  await t.throwsAsync(findCdiEdits(['vendor.com/gpu=9'], { directories }), {
    code: 'ERR_CDI_DEVICE_NOT_FOUND',
    message: /unresolvable CDI device vendor\.com\/gpu=9: .*etc or .*run/,
  });
  writeFileSync(join(etc, 'a.json'), JSON.stringify(spec([device('0')])));
  await t.throwsAsync(findCdiEdits(['vendor.com/gpu=9'], { directories }), {
    message: /looked for in .*etc\/a\.json/,
  });
});

const broken: [title: string, content: string, message: RegExp][] = [
  ['no JSON', '{', /a\.json: .*JSON/],
  [
    'a version of the future',
    JSON.stringify({ ...spec([device('0')]), cdiVersion: '9.0.0' }),
    /cdiVersion: 9\.0\.0/,
  ],
  ['no kind', JSON.stringify({ cdiVersion: '0.6.0', devices: [device('0')] }), /kind: /],
  ['no devices', JSON.stringify(spec([])), /devices: there is none/],
  ['a device twice', JSON.stringify(spec([device('0'), device('0')])), /devices: 0 is there twice/],
  [
    'a variable without a value',
    JSON.stringify(spec([device('0', { env: ['A'] })])),
    /devices\[0\]\.containerEdits\.env\[0\]/,
  ],
  [
    'a relative node',
    JSON.stringify(spec([device('0', { deviceNodes: [{ path: 'null' }] })])),
    /deviceNodes\[0\]\.path/,
  ],
  [
    'an unknown hook',
    JSON.stringify(spec([device('0', { hooks: [{ hookName: 'never', path: '/x' }] })])),
    /hookName/,
  ],
  [
    'what is not supported',
    JSON.stringify(spec([device('0', { intelRdt: {} })])),
    /intelRdt: it is not supported/,
  ],
];

for (const [title, content, message] of broken) {
  test(`a spec file that is broken matters to who misses a device, and is named: ${title}`, async (t) => {
    const { etc, directories } = t.context;
    writeFileSync(join(etc, 'a.json'), content);
    writeFileSync(join(etc, 'good.json'), JSON.stringify({ ...spec([device('1')]), kind: 'other.com/gpu' }));
    await t.notThrowsAsync(findCdiEdits(['other.com/gpu=1'], { directories }));
    await t.throwsAsync(findCdiEdits(['vendor.com/gpu=0'], { directories }), {
      code: 'ERR_CDI_DEVICE_NOT_FOUND',
      message,
    });
  });
}

test('aliases that would grow without end are refused', async (t) => {
  const { etc, directories } = t.context;
  const levels = Array.from(
    { length: 12 },
    (_, n) =>
      `x${n}: &x${n} [${Array(10)
        .fill(n ? `*x${n - 1}` : 'a')
        .join(', ')}]`,
  );
  writeFileSync(join(etc, 'bomb.yaml'), `${levels.join('\n')}\n`);
  await t.throwsAsync(findCdiEdits(['vendor.com/gpu=0'], { directories }), {
    message: /bomb\.yaml: .*alias/i,
  });
});
