/**
 * How long from an image in a registry to its files unpacked in a local store?
 *
 *     npx tsx bench/pull.ts [rounds]
 *
 * A Debian image of four layers, from a registry on loopback, into a store on an ext4 with a journal (a loop device over
 * memory, made here). Each pull begins with an empty store of its own. A second table adds what a power loss would take:
 * the time until everything has reached the disk (syncfs), a third processor time and memory. The floor is
 * bench/floor-unpack.cc for each layer's blob, which is at hand. Needs root and script/setup --tests.
 */
import { benchPullers } from './harness/pull-bench.ts';

await benchPullers({
  file: import.meta.filename,
  titles: ['pull and unpack, as each one does it', 'and until all of it is on the disk (syncfs)'],
  unit: 's',
  goal: 'every peer at least 5 x, the floor at least 0.77 x (strake at most 1.3 times the floor)',
  withFloor: true,
  once: async ({ pull, remove }, measure) => {
    await measure(pull);
    await remove();
  },
});
