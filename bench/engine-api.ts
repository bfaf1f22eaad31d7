/**
 * What does a call of the Docker Engine API take, served by strake and by dockerd?
 *
 *     npx tsx bench/engine-api.ts [rounds] [containers]
 *
 * dockerode at both sockets in turn, in one process, stores in memory, busybox without network: a container created,
 * started, waited for and removed; an exec; an event from the start that causes it to the client that follows; the list of
 * many containers (1000 unless given); megabytes of log a second to a client that follows; and the memory of the idle
 * server. Needs root and script/setup --tests.
 */
import type Docker from 'dockerode';
import { type ApiDaemon, startDockerApi, startStrakeApi } from '../test/fixtures/api-daemon.ts';
import { demuxed, dockerodeAt, jsonLines } from '../test/fixtures/dockerode.ts';
import { Held } from './harness/hold.ts';
import { type Contender, interleave, quantile, timed } from './harness/measure.ts';
import { installed } from './harness/programs.ts';
import { printSeries, printTable } from './harness/table.ts';

interface Server {
  readonly name: string;
  readonly docker: Docker;
  readonly daemon: ApiDaemon;
}

const rounds = Number(process.argv[2] ?? 20);
const many = Number(process.argv[3] ?? 1000);
const logBytes = 50_000_000;
const none = { NetworkMode: 'none' };

{
  await using held = new Held();
  const servers = [server('strake serve', held.use(await startStrakeApi()))];
  if (await installed('dockerd')) servers.push(server('dockerd', held.use(await startDockerApi())));
  const measure = async (
    title: string,
    once: (server: Server) => Promise<number>,
    times = rounds,
  ): Promise<void> => {
    const contenders = servers.map((each): Contender => ({ name: each.name, once: () => once(each) }));
    printSeries(title, await interleave(contenders, { rounds: times }), 'ms');
  };
  await printMemory(servers);
  await measure('dockerode: created, started, waited for and removed', ({ docker }) =>
    timed(() => live(docker)),
  );
  const running = new Map<Server, Docker.Container>();
  for (const each of servers) running.set(each, await start(each.docker));
  await measure('dockerode: exec of true, to its exit code', (each) => timed(() => exec(running.get(each))));
  await measure('an event, from the call that causes it to who follows', ({ docker }) =>
    eventLatency(docker),
  );
  for (const { docker } of servers) await createMany(docker);
  await measure(`the list of ${many} containers`, ({ docker }) =>
    timed(() => docker.listContainers({ all: true })),
  );
  await printLogs(servers);
  await printMemory(servers);
}

function server(name: string, daemon: ApiDaemon): Server {
  return { name, daemon, docker: dockerodeAt(daemon) };
}

async function live(docker: Docker): Promise<void> {
  const container = await docker.createContainer({ Image: 'busybox', Cmd: ['true'], HostConfig: none });
  await container.start();
  await container.wait();
  await container.remove();
}

async function start(docker: Docker): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: 'busybox',
    Cmd: ['sleep', '100000'],
    HostConfig: none,
  });
  await container.start();
  return container;
}

async function exec(container: Docker.Container | undefined): Promise<void> {
  if (container === undefined) throw new Error('no container runs');
  const made = await container.exec({ Cmd: ['true'], AttachStdout: true, AttachStderr: true });
  const stream = await made.start({});
  stream.resume();
  await new Promise((resolve) => stream.on('end', resolve));
  const { ExitCode } = await made.inspect();
  if (ExitCode !== 0) throw new Error(`the exec ended with ${ExitCode}`);
}

/** Of a volume, whose making is little. */
async function eventLatency(docker: Docker): Promise<number> {
  const filters = JSON.stringify({ type: ['volume'], event: ['create'] });
  const stream = await docker.getEvents({ filters: filters as never });
  const events = jsonLines(stream);
  const next = events.next();
  const name = `bench-${process.hrtime.bigint()}`;
  const took = await timed(async () => {
    await Promise.all([docker.createVolume({ Name: name }), next]);
  });
  (stream as unknown as { destroy(): void }).destroy();
  await docker.getVolume(name).remove();
  return took;
}

async function createMany(docker: Docker): Promise<void> {
  const create = async (at: number): Promise<void> => {
    if (at >= many) return;
    await docker.createContainer({
      Image: 'busybox',
      Cmd: ['true'],
      Labels: { at: String(at) },
      HostConfig: none,
    });
    await create(at + 8);
  };
  await Promise.all(Array.from({ length: 8 }, (_, at) => create(at)));
}

/** A container writes lines of a kilobyte, and a client follows from the first to the last. */
async function printLogs(servers: readonly Server[]): Promise<void> {
  const contenders = servers.map(({ name, docker }): Contender => ({ name, once: () => followLog(docker) }));
  const series = await interleave(contenders, { rounds: 3, warmups: 1 });
  const rates = series.map(({ milliseconds }) => logBytes / 1000 / quantile(milliseconds, 0.5));
  printTable(
    'a chatty container’s log, followed by one client',
    ['', 'MB/s', 'ratio'],
    series.map(({ name }, at) => [
      name,
      rates[at]?.toFixed(0) ?? '',
      `${((rates[at] ?? 0) / (rates[0] ?? 1)).toFixed(2)} x`,
    ]),
  );
}

async function followLog(docker: Docker): Promise<number> {
  const script = `head -c ${logBytes} /dev/zero | tr "\\0" x | fold -w 1000`;
  const container = await docker.createContainer({
    Image: 'busybox',
    Cmd: ['sh', '-c', script],
    HostConfig: none,
  });
  const took = await timed(async () => {
    await container.start();
    const { stdout } = await demuxed(docker, await container.logs({ follow: true, stdout: true }));
    if (stdout.length < logBytes) throw new Error(`${stdout.length} bytes came`);
  });
  await container.remove();
  return took;
}

async function printMemory(servers: readonly Server[]): Promise<void> {
  const rows = await Promise.all(
    servers.map(async ({ name, daemon }) => [name, ((await resident(daemon)) / 1024).toFixed(0)]),
  );
  printTable('resident memory of the server', ['', 'MB'], rows);
}

/** KiB; dockerd's is without its containerd's. */
async function resident({ name, sandbox }: ApiDaemon): Promise<number> {
  const found = await sandbox.mustRun([
    'pgrep',
    '-o',
    '-f',
    name === 'strake' ? 'bin/strake.* serve' : '^dockerd',
  ]);
  const status = await sandbox.mustRun(['cat', `/proc/${found.trim()}/status`]);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
}
