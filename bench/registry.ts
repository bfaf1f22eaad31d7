/**
 * How fast does a registry take and give, and what does it cost?
 *
 *     npx tsx bench/registry.ts [rounds]
 *
 * `strake registry serve` and Debian's docker-registry, each with a store in memory (so that no disk is measured), asked by
 * one and the same client in a process of its own, in turns. Blobs of 64 MiB are new each time. CPU is the server's alone. Needs npm
 * run build, and script/setup --tests.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { Agent, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { checkout, makeFastFolder } from '../test/fixtures/cache.ts';
import { freePort } from '../test/fixtures/registry.ts';
import { quantile } from './harness/measure.ts';
import { printTable } from './harness/table.ts';

interface Server extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly pid: number;
}

/** What one measurement found, of one server in one round. */
type Figures = Readonly<Record<string, number>>;

const blobSize = 64 << 20;
const manifestType = 'application/vnd.oci.image.manifest.v1+json';
const rounds = Number(process.argv[2] ?? 3);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });
const base = randomBytes(blobSize);

const folder = makeFastFolder('bench');
try {
  await using ours = await startOurs(join(folder, 'ours'));
  await using theirs = await startTheirs(join(folder, 'theirs'));
  const servers = [ours, theirs];
  const idle = new Map(servers.map((server) => [server.name, residentMemory(server)]));
  const found = new Map<string, Figures[]>(servers.map(({ name }) => [name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
      const figures = await measure(server);
      if (round >= 0) found.get(server.name)?.push(figures);
    }
  }
  print(found, idle, servers);
} finally {
  agent.destroy();
  await rm(folder, { recursive: true, force: true });
}

async function measure(server: Server): Promise<Figures> {
  const blobs = Array.from({ length: 4 }, () => newBlob());
  const push1 = await costOf(server, 4 * blobSize, () => inTurn(blobs, (blob) => pushBlob(server, blob)));
  const more = Array.from({ length: 8 }, () => newBlob());
  const push8 = await costOf(server, 8 * blobSize, () =>
    Promise.all(more.map((blob) => pushBlob(server, blob))),
  );
  const pull1 = await costOf(server, 4 * blobSize, () =>
    inTurn(blobs, (blob) => pullBlob(server, blob.digest)),
  );
  const pull8 = await costOf(server, 8 * blobSize, () =>
    Promise.all(more.map((blob) => pullBlob(server, blob.digest))),
  );
  const first: number[] = [];
  for (let at = 0; at < 20; at++) first.push(await firstByte(server, blobs[0]?.digest ?? ''));
  await pushImage(server);
  const manifests = await getManifests(server, 64, 2000);
  const memory = residentMemory(server);
  for (const { digest } of [...blobs, ...more]) await send(server, 'DELETE', `/v2/bench/blobs/${digest}`);
  return {
    'push, 1 client, MB/s': push1.rate,
    'push, 8 clients, MB/s': push8.rate,
    'push, CPU s per GB': push8.cpu,
    'pull, 1 client, MB/s': pull1.rate,
    'pull, 8 clients, MB/s': pull8.rate,
    'pull, CPU s per GB': pull8.cpu,
    'first byte, ms': quantile(first, 0.5),
    'manifests/s, 64 clients': manifests.rate,
    'manifest p99, ms': manifests.p99,
    'memory under load, MiB': memory,
  };
}

/** MB/s of the work, and the seconds of the server's CPU for each GB. */
async function costOf(
  server: Server,
  bytes: number,
  work: () => Promise<unknown>,
): Promise<{ rate: number; cpu: number }> {
  const [began, cpu] = [performance.now(), cpuSeconds(server)];
  await work();
  const seconds = (performance.now() - began) / 1000;
  return { rate: bytes / 1e6 / seconds, cpu: (cpuSeconds(server) - cpu) / (bytes / 1e9) };
}

interface NewBlob {
  readonly head: Buffer;
  readonly digest: string;
}

/** The same bytes but for the first 16. */
function newBlob(): NewBlob {
  const head = randomBytes(16);
  const hash = createHash('sha256').update(head).update(base.subarray(16));
  return { head, digest: `sha256:${hash.digest('hex')}` };
}

async function pushBlob(server: Server, { head, digest }: NewBlob): Promise<void> {
  const begun = await send(server, 'POST', '/v2/bench/blobs/uploads/');
  const location = new URL(begun.headers.location ?? '', `http://127.0.0.1:${server.port}`);
  const query = `${location.search}${location.search ? '&' : '?'}digest=${digest}`;
  const answer = await send(server, 'PUT', location.pathname + query, [head, base.subarray(16)]);
  if (answer.statusCode !== 201) throw new Error(`${server.name} answered a push with ${answer.statusCode}`);
}

async function pullBlob(server: Server, digest: string): Promise<void> {
  const { statusCode } = await send(server, 'GET', `/v2/bench/blobs/${digest}`);
  if (statusCode !== 200) throw new Error(`${server.name} answered a pull with ${statusCode}`);
}

async function firstByte(server: Server, digest: string): Promise<number> {
  const began = performance.now();
  const sent = request({ port: server.port, path: `/v2/bench/blobs/${digest}`, agent });
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  await once(answer, 'data');
  const milliseconds = performance.now() - began;
  answer.destroy();
  return milliseconds;
}

async function pushImage(server: Server): Promise<void> {
  const bytes = Buffer.from('{}');
  const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
  const begun = await send(server, 'POST', '/v2/bench/blobs/uploads/');
  const location = new URL(begun.headers.location ?? '', `http://127.0.0.1:${server.port}`);
  const query = `${location.search}${location.search ? '&' : '?'}digest=${digest}`;
  await send(server, 'PUT', location.pathname + query, [bytes]);
  const config = { mediaType: 'application/vnd.oci.image.config.v1+json', digest, size: 2 };
  const manifest = JSON.stringify({ schemaVersion: 2, mediaType: manifestType, config, layers: [config] });
  const { statusCode } = await send(server, 'PUT', '/v2/bench/manifests/latest', [Buffer.from(manifest)], {
    'content-type': manifestType,
  });
  if (statusCode !== 201) throw new Error(`${server.name} answered a manifest with ${statusCode}`);
}

async function getManifests(
  server: Server,
  clients: number,
  milliseconds: number,
): Promise<{ rate: number; p99: number }> {
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  const client = async (): Promise<void> => {
    while (performance.now() < end) {
      const began = performance.now();
      await send(server, 'GET', '/v2/bench/manifests/latest', [], { accept: manifestType });
      times.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  return { rate: times.length / (milliseconds / 1000), p99: quantile(times, 0.99) };
}

/** The body of the answer is read and thrown away. */
async function send(
  server: Server,
  method: string,
  path: string,
  body: readonly Buffer[] = [],
  headers: Record<string, string> = {},
): Promise<IncomingMessage> {
  const length = body.reduce((sum, piece) => sum + piece.length, 0);
  const sent = request({
    port: server.port,
    method,
    path,
    agent,
    headers: { ...headers, ...(body.length > 0 && { 'content-length': length }) },
  });
  for (const piece of body) sent.write(piece);
  sent.end();
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  answer.resume();
  await once(answer, 'end');
  return answer;
}

async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) await work(item);
}

async function startOurs(store: string): Promise<Server> {
  const port = await freePort();
  const argv = [
    join(checkout, 'bin/strake'),
    'registry',
    'serve',
    '--storage',
    store,
    '--listen',
    `127.0.0.1:${port}`,
  ];
  return started('strake', port, spawn(process.execPath, argv, { stdio: 'ignore' }));
}

async function startTheirs(store: string): Promise<Server> {
  const port = await freePort();
  await mkdir(store);
  const lines = [
    'version: 0.1',
    'log: { level: error, accesslog: { disabled: true } }',
    `storage: { filesystem: { rootdirectory: ${store} }, delete: { enabled: true }, cache: { blobdescriptor: inmemory } }`,
    `http: { addr: "127.0.0.1:${port}" }`,
  ];
  await writeFile(join(store, 'config.yml'), `${lines.join('\n')}\n`);
  return started(
    'docker-registry',
    port,
    spawn('docker-registry', ['serve', join(store, 'config.yml')], { stdio: 'ignore' }),
  );
}

async function started(name: string, port: number, child: ChildProcess): Promise<Server> {
  for (let attempt = 0; !(await fetch(`http://127.0.0.1:${port}/v2/`).catch(() => undefined)); attempt++) {
    if (attempt === 200 || child.exitCode !== null) throw new Error(`${name} does not answer`);
    await delay(25);
  }
  const stop = async (): Promise<void> => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  return { name, port, pid: child.pid ?? 0, [Symbol.asyncDispose]: stop };
}

/** User's and kernel's, in hundredths (proc_pid_stat(5)). */
function cpuSeconds({ pid }: Server): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

/** MiB. */
function residentMemory({ pid }: Server): number {
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

function print(
  found: ReadonlyMap<string, readonly Figures[]>,
  idle: ReadonlyMap<string, number>,
  [ours, theirs]: readonly Server[],
): void {
  const median = (server: Server | undefined, key: string): number =>
    quantile(
      (found.get(server?.name ?? '') ?? []).map((figures) => figures[key] ?? Number.NaN),
      0.5,
    );
  const keys = Object.keys([...found.values()][0]?.[0] ?? {});
  const rows = keys.map((key) => {
    const [a, b] = [median(ours, key), median(theirs, key)];
    return [key, a.toFixed(1), b.toFixed(1), `${(a / b).toFixed(2)} x`];
  });
  const [a = Number.NaN, b = Number.NaN] = [...idle.values()];
  rows.push(['memory at rest, MiB', a.toFixed(1), b.toFixed(1), `${(a / b).toFixed(2)} x`]);
  printTable(
    `registries, medians of ${rounds} rounds`,
    ['', ours?.name ?? '', theirs?.name ?? '', 'ratio'],
    rows,
  );
}
