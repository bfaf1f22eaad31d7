import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import type { Attachment, ContainerOptions, StartedContainer } from '../../lib/engine/index.ts';
import { type EngineFixture, openEngineFixture } from '../containers/engine-fixture.ts';

/** Who floods, from inside or by many requests, takes memory, descriptors and disk up to a bound. All floods are finite. */
const test = anyTest as TestFn<EngineFixture>;

const mebibyte = 2 ** 20;
const flood = (mebibytes: number) => `head -c ${mebibytes * mebibyte} /dev/zero`;

test.before(async (t) => {
  t.context = await openEngineFixture();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

async function start({ engine, image }: EngineFixture, line: string, options: ContainerOptions = {}) {
  const made = await engine.containers.create(image, {
    argv: ['sh', '-c', line],
    stopTimeout: 0,
    ...options,
  });
  return await made.start();
}

function monitorOf({ engine }: EngineFixture, { id }: StartedContainer): number {
  const state = readFileSync(join(engine.runDir, 'containers', id, 'state.json'), 'utf8');
  return JSON.parse(state).monitorPid;
}

/** Bytes, the most that there ever was. */
function peakOf(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

const descriptorsOf = (pid: number) => readdirSync(`/proc/${pid}/fd`).length;

async function until(isSo: () => boolean | Promise<boolean>): Promise<boolean> {
  for (let attempt = 0; attempt < 1000; attempt++) {
    if (await isSo()) return true;
    await sleep(20);
  }
  return false;
}

test.serial(
  'what an exec writes is kept up to maxOutput, and its writer ends (CVE-2022-31030)',
  async (t) => {
    await using box = await start(t.context, 'sleep 1000');
    const before = process.memoryUsage().rss;
    const flooded = box.run(['sh', '-c', flood(512)], { maxOutput: mebibyte });
    const error = (await t.throwsAsync(flooded, { code: 'ERR_OUTPUT_TOO_LARGE' })) as { details?: unknown };
    const { stdout } = error.details as { stdout: Buffer };
    t.true(stdout.length <= mebibyte, `${stdout.length}`);
    t.true(process.memoryUsage().rss - before < 128 * mebibyte);
    t.true(await until(async () => !(await box.top()).rows.flat().some((word) => /head/.test(word))));
    t.is((await box.run(['true'])).exitCode, 0);
  },
);

test.serial(
  'clients that do not read cost the monitor a mebibyte each, and hold up nobody (CVE-2025-64329)',
  async (t) => {
    await using box = await start(t.context, `read -r line; ${flood(64)}; echo done >&2; sleep 1000`, {
      stdin: true,
      log: { driver: 'none' },
    });
    const monitor = monitorOf(t.context, box);
    const before = descriptorsOf(monitor);
    const idle = await Promise.all(Array.from({ length: 24 }, () => box.attach({ stdin: false })));
    const writer = await box.attach({ stdin: true });
    writer.stdout.resume();
    let said = '';
    writer.stderr.on('data', (chunk: Buffer) => {
      said += chunk;
    });
    for (const client of idle) client.exited.catch(() => undefined);
    writer.stdin.write('\n');
    t.true(await until(() => said.includes('done')), 'the container goes on');
    t.true(peakOf(monitor) < (24 + 16) * mebibyte, `${peakOf(monitor)}`);
    for (const client of [...idle, writer]) leave(client);
    t.true(await until(() => descriptorsOf(monitor) <= before), 'their descriptors are closed');
  },
);

function leave(client: Attachment): void {
  client.exited.catch(() => undefined);
  client.stdout.destroy();
  client.stderr.destroy();
  client.detach();
}

test.serial(
  'clients that come, change the size, and go leave nothing in the monitor (CVE-2022-23471)',
  async (t) => {
    await using box = await start(t.context, 'sleep 1000', { tty: true, stdin: true });
    const monitor = monitorOf(t.context, box);
    const come = async () => {
      const client = await box.attach();
      client.resize(20, 80);
      leave(client);
    };
    for (let n = 0; n < 20; n++) await come();
    await until(() => descriptorsOf(monitor) < 24);
    const [descriptors, peak] = [descriptorsOf(monitor), peakOf(monitor)];
    for (let n = 0; n < 200; n++) await come();
    t.true(await until(() => descriptorsOf(monitor) <= descriptors));
    t.true(peakOf(monitor) - peak < 2 * mebibyte, `${peakOf(monitor) - peak}`);
  },
);

test.serial('execs that nobody asks for are forgotten, and their monitors gone', async (t) => {
  const { engine } = t.context;
  await using box = await start(t.context, 'sleep 1000');
  for (let n = 0; n < 120; n++) (await box.exec(['true'], { attach: false })).detach();
  const kept = join(engine.runDir, 'containers', box.id, 'exec');
  t.true(await until(async () => (await box.execs()).every(({ running }) => !running)));
  await box.exec(['true'], { attach: false }).then((last) => last.detach());
  t.true(readdirSync(kept).length <= 80, `${readdirSync(kept).length}`);
});

test.serial(
  'a log is bounded however much is written, and readers that give up leave no descriptors',
  async (t) => {
    const log = { driver: 'json-file', maxSize: mebibyte, maxFile: 2 } as const;
    await using box = await start(
      t.context,
      `read -r line; for n in 1 2 3 4; do ${flood(2)} | tr '\\0' 'x'; echo; done; sleep 1000`,
      { stdin: true, log },
    );
    const followers = Array.from({ length: 50 }, () => {
      const stop = new AbortController();
      const lines = t.context.engine.containers.logs(box.id, { follow: true, signal: stop.signal });
      const reading = (async () => {
        for await (const _ of lines);
      })().catch(() => undefined);
      return { stop, reading };
    });
    const writer = await box.attach({ stdin: true, stdout: false, stderr: false });
    writer.stdin.write('\n');
    const folder = join(t.context.engine.root, 'containers', box.id);
    const logs = () => readdirSync(folder).filter((name) => name.startsWith('container.log'));
    t.true(await until(() => logs().length > 1));
    await until(async () => !(await box.top()).rows.flat().some((word) => /head|tr/.test(word)));
    const bytes = logs().reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
    t.true(bytes < 3 * mebibyte, `${bytes}`);
    for (const { stop } of followers) stop.abort();
    await Promise.all(followers.map(({ reading }) => reading));
    leave(writer);
    t.true(await until(() => openLogs(folder) === 0));
  },
);

/** How many descriptors of this process lead below a folder. */
function openLogs(folder: string): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return links.filter((path) => path.startsWith(folder)).length;
}
