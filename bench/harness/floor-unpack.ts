import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { mustRun } from '../../test/fixtures/run-program.ts';
import { checkout } from './sandbox.ts';

/** Compiles bench/floor-unpack.cc with this checkout's own native rooms; answers its path. */
export async function compileFloorUnpack(): Promise<string> {
  const program = join(checkout, 'build/bench/floor-unpack');
  const rooms = ['layer', 'compress', 'hash', 'sys'].map((room) =>
    join(checkout, `build/native/${room}/libstrake_${room}.a`),
  );
  const isal = join(checkout, 'build/deps/isal/lib/libisal.a');
  await mkdir(join(checkout, 'build/bench'), { recursive: true });
  const source = join(checkout, 'bench/floor-unpack.cc');
  const flags = ['-std=c++20', '-O2', `-I${join(checkout, 'native')}`, '-pthread'];
  await mustRun('g++', [...flags, '-o', program, source, ...rooms, isal, '-l:libzstd.a', '-l:libz.a']);
  return program;
}
