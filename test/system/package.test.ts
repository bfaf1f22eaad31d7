import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { checkout, makeFastFolder } from '../fixtures/cache.ts';
import { otherNode } from '../fixtures/other-node.ts';
import { mustRun, runProgram } from '../fixtures/run-program.ts';

/** A folder in which nothing is installed but the packed package, without any install script having run. */
let folder: string;

test.before(async () => {
  folder = makeFastFolder('package');
  await mustRun('npm', ['pack', '--silent', '--pack-destination', folder], {
    cwd: checkout,
    timeout: 600_000,
  });
  const tarball = (await readdir(folder)).find((name) => name.endsWith('.tgz')) ?? '';
  const user = join(folder, 'user');
  await mkdir(user);
  await writeFile(join(user, 'package.json'), '{"private":true,"type":"module"}');
  await writeFile(join(user, 'program.js'), program);
  await mustRun('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', join('..', tarball)], {
    cwd: user,
  });
});

test.after.always(async () => {
  if (folder) await rm(folder, { recursive: true, force: true });
});

/** What a user of the package writes. */
const program = `
import { openEngine } from 'strake';
const engine = await openEngine({ root: process.argv[2] });
const { exitCode, stdout } = await engine.run('@host', ['sh', '-c', 'echo "in a container as process $$"; exit 7']);
console.log(JSON.stringify({ exitCode, stdout, native: engine.system.version().native }));
await engine[Symbol.asyncDispose]();
`;

test.serial('the package has what it needs and no more', async (t) => {
  const installed = join(folder, 'user/node_modules/strake');
  const names = (await readdir(installed)).sort();
  const expected = 'CHANGELOG.md LICENSE README.md bin dist docs package.json prebuilds'.split(' ');
  t.deepEqual(names, expected.sort());
  t.deepEqual(await readdir(join(installed, 'prebuilds')), [`linux-${process.arch}`]);
  t.falsy(
    JSON.parse(
      await mustRun('npm', ['pkg', 'get', 'scripts.install', 'scripts.postinstall'], { cwd: installed }),
    )['scripts.install'],
  );
});

test.serial('a program in an empty folder runs a container from the installed package', async (t) => {
  const { exitCode, stdout } = await runUnder(process.execPath);
  t.is(stdout, 'in a container as process 1\n');
  t.is(exitCode, 7);
});

test.serial('the installed command runs a container', async (t) => {
  const strake = join(folder, 'user/node_modules/.bin/strake');
  const argv = [
    '--root',
    join(folder, 'root-cli'),
    'run',
    '--rm',
    '@host',
    'sh',
    '-c',
    'echo from the command; exit 3',
  ];
  const result = await runProgram(strake, argv, { cwd: join(folder, 'user') });
  t.is(result.stderr, '');
  t.is(result.stdout, 'from the command\n');
  t.is(result.code, 3);
});

for (const major of [22, 24, 26]) {
  test.serial(`the same binaries serve Node ${major}, with our own libraries in them`, async (t) => {
    const node = await otherNode(major);
    t.regex(await mustRun(node, ['--version']), new RegExp(`^v${major}\\.`));
    const [there, here] = [await runUnder(node), await runUnder(process.execPath)];
    t.is(there.stdout, 'in a container as process 1\n');
    t.deepEqual(there.native, here.native);
  });
}

async function runUnder(
  node: string,
): Promise<{ exitCode: number; stdout: string; native: Record<string, string> }> {
  const root = await mkdtemp(join(folder, 'root-'));
  const output = await mustRun(node, ['program.js', root], { cwd: join(folder, 'user') });
  await rm(root, { recursive: true });
  return JSON.parse(output);
}
