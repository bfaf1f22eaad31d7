/**
 * How long does sha256 of 256 MiB take: on one processor, and twice at once?
 *
 *     npx tsx bench/hash.ts [rounds]
 *
 * A file in memory. strake hashes it on threads of its own, node:crypto (OpenSSL) in a worker, the programs in processes.
 * Twice at once should take no longer than once where there are two processors. Needs the addon built.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { hashFile } from '../bindings/hash.ts';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { type Contender, interleave, timed } from './harness/measure.ts';
import { installed } from './harness/programs.ts';
import { printSeries } from './harness/table.ts';

const size = 256 << 20;
const rounds = Number(process.argv[2] ?? 7);
const folder = makeFastFolder('bench');
const file = join(folder, 'data');

interface Hasher {
  readonly name: string;
  hash(): Promise<unknown>;
}

try {
  writeFileSync(file, randomBytes(size));
  const hashers = await findHashers();
  for (const count of [1, 2]) {
    const contenders = hashers.map(({ name, hash }): Contender => {
      const all = () => Promise.all(Array.from({ length: count }, hash));
      return { name, once: () => timed(all) };
    });
    const title = `sha256 of ${size >> 20} MiB${count > 1 ? ', twice at once' : ''}`;
    printSeries(title, await interleave(contenders, { rounds, warmups: 1 }), 'ms');
  }
  console.log('\ngoal: node:crypto at least 1 x, and two at once in the time of one on two processors');
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function findHashers(): Promise<Hasher[]> {
  const hashers: Hasher[] = [
    { name: 'strake, hashFile', hash: () => hashFile(file) },
    ...[await worker('node:crypto, in a worker')],
  ];
  if (await installed('sha256sum')) hashers.push(program('sha256sum (coreutils)', ['sha256sum', file]));
  if (await installed('openssl')) hashers.push(program('openssl dgst', ['openssl', 'dgst', '-sha256', file]));
  return hashers;
}

/** Two workers that are ready, since their start is not what is measured. */
async function worker(name: string): Promise<Hasher> {
  const script = `
    const { createHash } = require('node:crypto');
    const { openSync, readSync, closeSync } = require('node:fs');
    const { parentPort, workerData } = require('node:worker_threads');
    const buffer = Buffer.allocUnsafeSlow(1 << 18);
    parentPort.on('message', () => {
      const hash = createHash('sha256');
      const fd = openSync(workerData);
      for (let got; (got = readSync(fd, buffer)) > 0; ) hash.update(buffer.subarray(0, got));
      closeSync(fd);
      parentPort.postMessage(hash.digest('hex'));
    });`;
  const idle = [1, 2].map(() => new Worker(script, { eval: true, workerData: file }));
  for (const one of idle) {
    await once(one, 'online');
    one.unref();
  }
  const hash = async (): Promise<void> => {
    const one = idle.pop() as Worker;
    one.ref();
    one.postMessage('');
    await once(one, 'message');
    one.unref();
    idle.push(one);
  };
  return { name, hash };
}

function program(name: string, [command = '', ...argv]: readonly string[]): Hasher {
  return { name, hash: () => mustRun(command, argv) };
}
