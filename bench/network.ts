/**
 * What does a network cost a container?
 *
 *     npx tsx bench/network.ts [rounds]
 *
 * Busybox's `true` without a network, on a bridge, and with a published port; a web server, from the call of start() to the first
 * byte that a client on the host has of it; the same run beside 0, 50 and 100 containers on its network, which should be flat; and
 * TCP throughput by iperf3 from a container to the host, and between two containers. All of it in network namespaces that the bench
 * makes, with stores in memory. Needs root and script/setup --tests.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { openNetworkFixture, webServer } from '../test/fixtures/networks.ts';
import { interleave, timed } from './harness/measure.ts';
import { printSeries, printTable } from './harness/table.ts';

const rounds = Number(process.argv[2] ?? 15);
await using fixture = await openNetworkFixture();
const { engine, image, host } = fixture;
await engine.networks.create('bench');
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
      { name: 'a web server until its first byte', once: firstByte },
    ],
    { rounds },
  ),
  'ms',
);
await growth();
await throughput();

/** Asked by curl, whose own start is part of it. */
async function firstByte(): Promise<number> {
  const made = await engine.containers.create(image, {
    network: 'bench',
    argv: webServer('hello'),
    ports: [port],
  });
  const began = performance.now();
  const started = await made.start();
  const { code } = await host.sh(
    'for n in $(seq 200); do curl -sf http://198.51.100.1:8080/ && exit 0; done; exit 1',
  );
  const took = performance.now() - began;
  await started[Symbol.asyncDispose]();
  if (code !== 0) throw new Error('the web server did not answer');
  return took;
}

async function growth(): Promise<void> {
  const rows: [string, string][] = [];
  const neighbours: AsyncDisposable[] = [];
  for (const count of [0, 50, 100]) {
    while (neighbours.length < count) {
      const made = await engine.containers.create(image, { network: 'bench', argv: ['sleep', '600'] });
      neighbours.push(await made.start());
    }
    await delay(500);
    const times: number[] = [];
    for (let n = 0; n < rounds; n++) times.push(await once({ network: 'bench' })());
    rows.push([String(count), (times.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0).toFixed(1)]);
  }
  for (const neighbour of neighbours) await neighbour[Symbol.asyncDispose]();
  printTable('a command beside other containers on its network', ['containers', 'ms, median'], rows);
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
  printTable(
    'TCP throughput',
    ['', 'Gbit/s'],
    [
      ['host to container', rate(fromHost)],
      ['container to container', rate(between.stdout)],
    ],
  );
}
