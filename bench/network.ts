/**
 * What does a network cost a container?
 *
 *     npx tsx bench/network.ts [rounds]
 *
 * Busybox's `true` without a network, on a bridge, and with a published port; a web server, from the call of start() to the first
 * byte that a client on the host has of it; the same run beside 0, 50 and 100 containers on its network, which should be flat; and
 * TCP throughput by iperf3 between the host and a container, both ways, and between two containers. docker's web server beside ours, by a
 * dockerd in the same namespace. All of it in network namespaces that the bench
 * makes, with stores in memory. Needs root and script/setup --tests.
 */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { startDockerDaemon } from '../test/fixtures/docker-daemon.ts';
import { openNetworkFixture, webServer } from '../test/fixtures/networks.ts';
import { interleave, quantile, timed } from './harness/measure.ts';
import { printSeries, printTable } from './harness/table.ts';

const rounds = Number(process.argv[2] ?? 15);
await using fixture = await openNetworkFixture();
const { engine, image, host } = fixture;
await engine.networks.create('bench');
await using daemon = await startDockerDaemon(join(fixture.directory, 'docker'), host.path);
await host.must(`tar -C ${image.slice(1)} -cf ${fixture.directory}/image.tar .`);
await daemon.docker('import', join(fixture.directory, 'image.tar'), 'box');
await host.must('iptables -P FORWARD ACCEPT'); // docker's policy would stop ours at its rules
const port = { containerPort: 80, hostPort: 8080 };
const once = (options: object) => () => timed(() => engine.run(image, ['true'], options));

printSeries(
  'a command in a container',
  await interleave(
    [
      { name: 'none', once: once({ network: 'none' }) },
      { name: 'bridge', once: once({ network: 'bridge' }) },
      { name: 'bridge, a published port', once: once({ network: 'bridge', ports: [port] }) },
      { name: 'a network with names', once: once({ network: 'bench' }) },
      { name: 'eight at once, each with a port', once: eightAtOnce },
      { name: 'a web server until its first byte', once: () => firstByte(8080, startOurs) },
      { name: "docker's web server until its first byte", once: () => firstByte(8090, startDockers) },
    ],
    { rounds },
  ),
  'ms',
);
await growth();
await throughput();

type Stop = () => Promise<unknown>;

/** Asked by curl, whose own start is part of it. */
async function firstByte(hostPort: number, start: () => Promise<Stop>): Promise<number> {
  const began = performance.now();
  const stop = await start();
  const { code } = await host.sh(
    `for n in $(seq 200); do curl -sf http://198.51.100.1:${hostPort}/ && exit 0; done; exit 1`,
  );
  const took = performance.now() - began;
  await stop();
  if (code !== 0) throw new Error('the web server did not answer');
  return took;
}

async function startOurs(): Promise<Stop> {
  const made = await engine.containers.create(image, {
    network: 'bench',
    argv: webServer('hello'),
    ports: [port],
  });
  const started = await made.start();
  return async () => await started[Symbol.asyncDispose]();
}

async function startDockers(): Promise<Stop> {
  const id = (await daemon.docker('run', '-d', '-p', '8090:80', 'box', ...webServer('hello'))).trim();
  return () => daemon.docker('rm', '-f', id);
}

/** Of eight that start together each one's share: what is serialised shows. */
async function eightAtOnce(): Promise<number> {
  const options = (n: number) => ({ network: 'bench', ports: [{ containerPort: 80, hostPort: 8100 + n }] });
  const all = await timed(() =>
    Promise.all(Array.from({ length: 8 }, (_, n) => engine.run(image, ['true'], options(n)))),
  );
  return all / 8;
}

async function growth(): Promise<void> {
  const rows: string[][] = [];
  const neighbours: AsyncDisposable[] = [];
  for (const count of [0, 50, 100]) {
    while (neighbours.length < count) {
      const made = await engine.containers.create(image, { network: 'bench', argv: ['sleep', '600'] });
      neighbours.push(await made.start());
    }
    await delay(500);
    const series = await interleave(
      ['none', 'bench'].map((network) => ({ name: network, once: once({ network }) })),
      { rounds },
    );
    const medians = series.map(({ milliseconds }) => quantile(milliseconds, 0.5).toFixed(1));
    rows.push([String(count), ...medians]);
  }
  for (const neighbour of neighbours) await neighbour[Symbol.asyncDispose]();
  printTable(
    'a command beside other containers on its network',
    ['containers', 'none, ms', 'on their network, ms'],
    rows,
  );
}

async function throughput(): Promise<void> {
  const server = await engine.containers.create('@host', {
    name: 'iperf',
    network: 'bench',
    argv: ['iperf3', '-s'],
  });
  await using _started = await server.start();
  await delay(500);
  const address = (await server.inspect()).networks.bench?.addresses[0]?.replace(/\/.*/, '') ?? '';
  const flags = ['-c', address, '-t', '2', '-J'];
  const rate = (json: string) => `${(JSON.parse(json).end.sum_received.bits_per_second / 1e9).toFixed(1)}`;
  const between = await engine.run('@host', ['iperf3', ...flags], { network: 'bench' });
  const fromHost = await host.must(`iperf3 ${flags.join(' ')}`);
  const toHost = await host.must(`iperf3 ${flags.join(' ')} -R`);
  printTable(
    'TCP throughput',
    ['', 'Gbit/s'],
    [
      ['host to container', rate(fromHost)],
      ['container to host', rate(toHost)],
      ['container to container', rate(between.stdout)],
    ],
  );
}
