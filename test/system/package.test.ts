import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { busyboxTree } from '../fixtures/busybox-image.ts';
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

/** Asks a registry of its own for the page, and for the scripts that it names. */
const registryProgram = `
import { openRegistry } from 'strake/registry';
const registry = await openRegistry();
const page = await fetch(registry.url);
const sources = [...(await page.text()).matchAll(/<script [^>]*src="([^"]+)"/g)].map(([, path]) => path);
const scripts = await Promise.all(sources.map(async (path) => (await fetch(registry.url + path)).status));
console.log(JSON.stringify({ status: page.status, scripts }));
await registry.close();
`;

const compilerOptions = {
  target: 'es2022',
  module: 'nodenext',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  skipLibCheck: false,
  noEmit: true,
  types: ['node'],
  typeRoots: [join(checkout, 'node_modules/@types')],
};

/** Every type that the verbs take or answer has a name at the package's root. */
const typedProgram = `
import {
  type Attachment, type Container, type ContainerInfo, type ContainerOptions, type ContainerState,
  type ContainerWarning, type Engine,
  type ErrorCode, type Exec, type ExitStatus, type Image, isEngineError, type LogEntry, openEngine, type PullProgress,
  type PullTask, type ReadLogOptions, type RunOptions, type RunResult, type SpecLimits, type StartedContainer,
  type SystemVersion, systemVersion,
} from 'strake';
const engine: Engine = await openEngine({ root: '/x' });
const options: RunOptions = { timeout: 5, signal: AbortSignal.timeout(1), log: { maxSize: -1 } };
export const text: RunResult = await engine.run('@host', ['true'], { timeout: 5 });
export const either: RunResult<string | Buffer> = await engine.run('@host', ['true'], options);
export const bytes: RunResult<Buffer> = await engine.run('@host', ['true'], { encoding: 'buffer' });
const task: PullTask = engine.images.pull('debian:12');
for await (const step of task) console.log((step satisfies PullProgress).type);
export const image: Image = await task;
const made: ContainerOptions = { name: 'n', mounts: [{ type: 'tmpfs', target: '/t', size: '1m' }], limits: { cpus: 1 } };
const container: Container = await engine.containers.create('@host', made);
const started: StartedContainer = await container.start({ attach: true });
export const attachment: Attachment | null = started.attachment;
const exec: Exec = await started.exec(['true'], { tty: true });
export const status: ExitStatus = await exec.wait();
const lines: ReadLogOptions = { follow: true, tail: 1 };
for await (const line of started.logs(lines)) console.log((line satisfies LogEntry).text);
const info: ContainerInfo = await started.inspect();
const state: ContainerState = info.state;
if (state.status === 'exited') console.log(state.exitCode, info.limits satisfies SpecLimits);
try {
  await started[Symbol.asyncDispose]();
} catch (error) {
  if (isEngineError(error, 'ERR_CONTAINER_NOT_FOUND')) console.log(error.code satisfies ErrorCode, error.kind);
}
export const version: SystemVersion = systemVersion();
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

test.serial('the installed package serves the registry’s page', async (t) => {
  const user = join(folder, 'user');
  await writeFile(join(user, 'registry.js'), registryProgram);
  const { status, scripts } = JSON.parse(await mustRun(process.execPath, ['registry.js'], { cwd: user }));
  t.is(status, 200);
  t.deepEqual(scripts, [200]);
  const installed = await readdir(join(user, 'node_modules/strake/dist/web/assets'));
  t.deepEqual(installed.map((name) => name.replace(/^index-[\w-]+/, 'index')).sort(), [
    'index.css',
    'index.css.br',
    'index.css.gz',
    'index.js',
    'index.js.br',
    'index.js.gz',
  ]);
});

test.serial('a program in an empty folder runs a container from the installed package', async (t) => {
  const { exitCode, stdout } = await runUnder(process.execPath);
  t.is(stdout, 'in a container as process 1\n');
  t.is(exitCode, 7);
});

test.serial(
  'a strict TypeScript program compiles against the installed types, which are checked as well',
  async (t) => {
    const user = join(folder, 'user');
    await writeFile(join(user, 'program.ts'), typedProgram);
    await writeFile(join(user, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.ts'] }));
    const { code, stdout } = await runProgram(join(checkout, 'node_modules/.bin/tsc'), ['-p', user], {
      cwd: user,
    });
    t.is(stdout, '');
    t.is(code, 0);
  },
);

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

test.serial(
  'the installed OCI runtime is a static executable, and runs a bundle by its name in .bin',
  async (t) => {
    const user = join(folder, 'user');
    const executable = join(user, 'node_modules/strake/prebuilds', `linux-${process.arch}`, 'strake-runtime');
    t.regex(await mustRun('readelf', ['--program-headers', executable]), /^ {2}LOAD/m);
    t.notRegex(await mustRun('readelf', ['--program-headers', executable]), /INTERP/);
    const info = ['--root', join(folder, 'root-info'), 'system', 'info', '--format', '{{.ociRuntime}}'];
    t.is(await mustRun(join(user, 'node_modules/.bin/strake'), info), `${executable}\n`);
    const bundle = join(folder, 'bundle');
    await busyboxTree(join(bundle, 'rootfs'));
    const named = join(user, 'node_modules/.bin/strake-runtime');
    await mustRun(named, ['spec', '--bundle', bundle]);
    const config = JSON.parse(await readFile(join(bundle, 'config.json'), 'utf8'));
    config.process.terminal = false;
    config.process.args = ['sh', '-c', 'echo "in a bundle as process $$"; exit 7'];
    await writeFile(join(bundle, 'config.json'), JSON.stringify(config));
    const state = join(folder, 'runtime-state');
    const id = `strake-package-${process.pid}`;
    const result = await runProgram(named, ['--root', state, 'run', '--bundle', bundle, id]);
    t.deepEqual(result, { code: 7, stdout: 'in a bundle as process 1\n', stderr: '' });
    t.deepEqual(await readdir(state), []);
  },
);

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
