/**
 * How long from a layer's tar to the blob that a registry gets, with the sha256 of both?
 *
 *     npx tsx bench/compress.ts [rounds]
 *
 * The largest layer of the Debian image, in memory. Peers are pipelines of programs that do the same work: sha256sum of the
 * tar, the compressor on every processor, sha256sum of what it makes, one file. A second table says how small it got.
 * Needs script/setup --tests, and the addon built.
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, rmSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { openPacker } from '../bindings/pack.ts';
import { makeFastFolder } from '../test/fixtures/cache.ts';
import { debianImage } from '../test/fixtures/debian-image.ts';
import { mustRun } from '../test/fixtures/run-program.ts';
import { type Contender, interleave, timed } from './harness/measure.ts';
import { installed } from './harness/programs.ts';
import { printSeries, printTable } from './harness/table.ts';

const rounds = Number(process.argv[2] ?? 5);
const threads = availableParallelism();
const folder = makeFastFolder('bench');
const sizes = new Map<string, number>();
try {
  const tar = await largestTar();
  const contenders = [
    ...ours(tar, 'gzip', [1, 3, 6]),
    ...(await peer(tar, 'igzip', ['-1', '-3'], ['-T', String(threads)])),
    ...(await peer(tar, 'pigz', ['-1', '-3', '-6'], ['-p', String(threads), '-n'])),
    ...ours(tar, 'zstd', [1, 3, 9]),
    ...(await peer(tar, 'zstd', ['-1', '-3', '-9'], [`-T${threads}`, '-q'])),
  ];
  const series = await interleave(contenders, { rounds, warmups: 1 });
  const total = statSync(tar).size;
  printSeries(`pack ${Math.round(total / 1e6)} MB on ${threads} processors, with both digests`, series, 's');
  const rows = [...sizes].map(([name, size]) => [name, (size / total).toFixed(3)]);
  printTable('size in relation to the tar', ['', 'ratio'], rows);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

async function largestTar(): Promise<string> {
  const { folder: layout } = await debianImage();
  const blobs = join(layout, 'blobs/sha256');
  const [largest = ''] = readdirSync(blobs).sort(
    (left, right) => statSync(join(blobs, right)).size - statSync(join(blobs, left)).size,
  );
  const tar = join(folder, 'layer.tar');
  execFileSync('bash', [
    '-c',
    '(gzip -dc "$0" || zstd -dqc "$0") 2>/dev/null >"$1"',
    join(blobs, largest),
    tar,
  ]);
  return tar;
}

function ours(input: string, compression: 'gzip' | 'zstd', levels: readonly number[]): Contender[] {
  return levels.map((level) =>
    contender(`strake, ${compression} ${level}`, async (output) => {
      await (await openPacker({ input, output, compression, level })).finish();
    }),
  );
}

async function peer(
  tar: string,
  program: string,
  levels: readonly string[],
  options: readonly string[],
): Promise<Contender[]> {
  if (!(await installed(program))) return [];
  return levels.map((level) =>
    contender(`${program} ${level}, sha256sum twice`, (output) => {
      const pack = [program, level, ...options, '-c'].join(' ');
      const script = `tee >(sha256sum >/dev/null) <"$0" | ${pack} | tee "$1" | sha256sum`;
      return mustRun('bash', ['-o', 'pipefail', '-c', script, tar, output]);
    }),
  );
}

function contender(name: string, pack: (output: string) => Promise<unknown>): Contender {
  const output = join(folder, 'blob');
  const once = async (): Promise<number> => {
    const milliseconds = await timed(() => pack(output));
    sizes.set(name, statSync(output).size);
    rmSync(output);
    return milliseconds;
  };
  return { name, once };
}
