import { execFile } from 'node:child_process';
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test, { type ExecutionContext } from 'ava';
import type { Engine } from '../../lib/engine/index.ts';
import { checkout } from '../fixtures/cache.ts';
import { openStockedEngine } from '../fixtures/stocked-engine.ts';

/** So many containers are run: 10 000 with STRAKE_SOAK_RUNS=10000. */
const runs = Number(process.env.STRAKE_SOAK_RUNS ?? 2000);
const atOnce = 8;
/** Looks at what is held, evenly over the runs; the first is when caches are warm. */
const looks = 10;

/** What could grow with each run. */
interface Held {
  readonly descriptors: number;
  readonly threads: number;
  readonly mounts: number;
  readonly monitors: number;
  readonly controlGroups: number;
  readonly networks: number;
  /** Files below the root, and their bytes; the journal of events, which has a bound of its own, is left out. */
  readonly files: number;
  readonly bytes: number;
  readonly heap: number;
  readonly resident: number;
}

/** What may be held in the end beyond the first look, for chance: bytes of memory for each run, nothing of the rest. */
const allowed: Readonly<Record<keyof Held, (runs: number) => number>> = {
  descriptors: () => 0,
  threads: () => 4, // libuv's, begun when first needed; a leak would be one for each container
  mounts: () => 0,
  monitors: () => 0,
  controlGroups: () => 0,
  networks: () => 0,
  files: () => 0,
  bytes: () => 0,
  heap: (count) => 200 * count,
  resident: (count) => (4 << 20) + 400 * count,
};

test.serial(`${runs} containers, ${atOnce} at a time, leave nothing that grows`, async (t) => {
  t.timeout(3_600_000);
  await using stock = await openStockedEngine();
  const once = async () => {
    const { exitCode, stdout } = await stock.engine.run(stock.busybox, ['echo', 'ran']);
    if (exitCode !== 0 || stdout !== 'ran\n') throw new Error(`it ended with ${exitCode}: ${stdout}`);
  };
  await manyTimes(Math.max(400, runs / looks), once);
  const seen = [await look(stock.engine)];
  const each = Math.ceil(runs / looks);
  for (let at = 0; at < looks; at++) {
    await manyTimes(each, once);
    seen.push(await look(stock.engine));
  }
  assertFlat(t, seen, each);
});

test.serial('containers by the command line, several at a time, leave nothing', async (t) => {
  t.timeout(600_000);
  await using stock = await openStockedEngine();
  const argv = [
    join(checkout, 'bin/strake'),
    '--root',
    stock.engine.root,
    'run',
    '--rm',
    stock.busybox,
    'echo',
    'ran',
  ];
  const once = async () => {
    const { stdout } = await promisify(execFile)(process.execPath, argv);
    if (stdout !== 'ran\n') throw new Error(stdout);
  };
  await once();
  const first = await look(stock.engine);
  await manyTimes(Math.ceil(runs / 50), once);
  const last = await look(stock.engine);
  for (const kind of ['monitors', 'controlGroups', 'networks', 'mounts', 'files', 'bytes'] as const)
    t.is(last[kind], first[kind], kind);
});

async function manyTimes(count: number, action: () => Promise<void>): Promise<void> {
  let left = count;
  const worker = async () => {
    while (left-- > 0) await action();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

/** By the lowest of the last looks, since chance only adds. */
function assertFlat(t: ExecutionContext, seen: readonly Held[], each: number): void {
  const [first] = seen;
  if (first === undefined) throw new TypeError('nobody has looked');
  for (const kind of Object.keys(allowed) as (keyof Held)[]) {
    const last = Math.min(...seen.slice(-3).map((held) => held[kind]));
    const growth = last - first[kind];
    t.log(`${kind}: ${seen.map((held) => held[kind]).join(' ')}`);
    t.true(growth <= allowed[kind](each * (seen.length - 1)), `${kind} grew by ${growth}`);
  }
}

/** When what has just ended is gone. */
async function look(engine: Engine): Promise<Held> {
  for (let attempt = 0; attempt < 100 && monitorsOf(engine).length > 0; attempt++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  collectGarbage();
  const files = filesBelow(engine.root);
  return {
    descriptors: readdirSync('/proc/self/fd').filter((fd) => !isConnection(fd)).length,
    threads: readdirSync('/proc/self/task').length,
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length,
    monitors: monitorsOf(engine).length,
    controlGroups: (await engine.system.check()).findings.length,
    networks: networksOf(monitorsOf(engine)),
    files: files.length,
    bytes: files.reduce((sum, path) => sum + (lstatSync(path, { throwIfNoEntry: false })?.size ?? 0), 0),
    heap: process.memoryUsage().heapUsed,
    resident: process.memoryUsage().rss,
  };
}

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  for (let round = 0; round < 3; round++) collect();
}

/** Keep-alive connections of the test's own registry come and go; a waiting monitor is one of each kind. */
function isConnection(fd: string): boolean {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`).startsWith('socket:');
  } catch {
    return true;
  }
}

function monitorsOf({ runDir }: Engine): string[] {
  return readdirSync('/proc').filter(
    (pid) => /^\d+$/.test(pid) && readText(`/proc/${pid}/cmdline`).includes(`\0${runDir}/`),
  );
}

function networksOf(pids: readonly string[]): number {
  const names = pids.map((pid) => {
    try {
      return readlinkSync(`/proc/${pid}/ns/net`);
    } catch {
      return '';
    }
  });
  return new Set(names.filter(Boolean)).size;
}

/** Without following links, and without the contents of layers. */
function filesBelow(root: string): string[] {
  const skipped = ['events', 'layers/layers'].map((name) => join(root, name));
  return readdirSync(root, { withFileTypes: true }).flatMap((entry) => {
    const path = join(root, entry.name);
    if (skipped.includes(path)) return [];
    return entry.isDirectory() ? [path, ...filesBelow(path)] : [path];
  });
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
