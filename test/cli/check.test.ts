import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { inspectUnit } from '../../lib/check/places.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openStrake, type Strake } from './strake.ts';

const test = anyTest as TestFn<Strake>;

test.before(async (t) => {
  t.context = await openStrake();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

test.serial('a root in order: one line, and exit code 0', async (t) => {
  const { run, image } = t.context;
  await run(['create', '--name', 'web', image, 'true']);
  const { code, stdout, stderr } = await run(['system', 'check']);
  t.is(code, 0, stderr);
  t.is(stdout, '1 containers, 0 images, 0 layers, 0 blobs, 0 volumes: all in order\n');
});

test.serial(
  'findings: code, path, what it means and what helps; and exit code 1 until they are repaired',
  async (t) => {
    const { run, root } = t.context;
    const name = join(root, 'images', `${'0'.repeat(64)}.json`);
    mkdirSync(join(root, 'images'), { recursive: true });
    writeFileSync(name, '{"reference"');
    const found = await run(['system', 'check']);
    t.is(found.code, 1);
    const [code, what, meaning, counts] = found.stdout.split('\n');
    t.is(code, `IMAGE_NAME_CORRUPT ${name}`);
    t.regex(what ?? '', /^ {2}\S/);
    t.regex(meaning ?? '', /^ {2}.*; .*\S/);
    t.is(counts, '1 containers, 0 images, 0 layers, 0 blobs, 0 volumes: 1 findings');

    const asJson = await run(['system', 'check', '--format', 'json']);
    t.is(asJson.code, 1);
    const report = JSON.parse(asJson.stdout);
    t.like(report, {
      checked: { containers: 1 },
      findings: [{ code: 'IMAGE_NAME_CORRUPT', path: name }],
      repairs: [],
    });

    const repaired = await run(['system', 'check', '--repair']);
    t.is(repaired.code, 0, repaired.stdout);
    const place = /repaired; what was there is in (.*)$/m.exec(repaired.stdout)?.[1] ?? '';
    t.true(place.startsWith(join(root, 'lost+found')), repaired.stdout);
    t.is((await run(['system', 'check'])).code, 0);
  },
);

test.serial("what a finding quotes of a container's cannot steer the terminal", async (t) => {
  const { run, root } = t.context;
  mkdirSync(join(root, 'volumes', '\x1b[31mred'), { recursive: true });
  const { stdout } = await run(['system', 'check']);
  t.regex(stdout, /red/);
  t.false(stdout.includes('\x1b'), JSON.stringify(stdout));
  await run(['system', 'check', '--repair']);
});

test.serial(
  'a unit whose program is gone is broken; what install-unit writes is not, and whose root is another is nobody’s',
  async (t) => {
    const { run, root } = t.context;
    const folder = temporaryFolder(t);
    t.is((await run(['system', 'install-unit', '--directory', folder])).code, 0);
    const unit = join(folder, 'strake-restart.service');
    t.deepEqual(inspectUnit(root, unit), []);
    t.deepEqual(inspectUnit(join(folder, 'absent'), join(folder, 'none')), []);
    const text = readFileSync(unit, 'utf8');
    writeFileSync(unit, text.replace(/^ExecStart="[^"]*"/m, 'ExecStart="/no/such/100%%/$$node"'));
    const [problem, ...more] = inspectUnit(root, unit);
    t.deepEqual(more, []);
    t.like(problem, {
      code: 'UNIT_BROKEN',
      path: unit,
      what: 'it executes /no/such/100%/$node, which is not there',
    });
    t.is(problem?.repair, undefined);
    t.deepEqual(inspectUnit('/another/root', unit), []);
  },
);
