/**
 * How long until an image is gone from a local store?
 *
 *     npx tsx bench/delete.ts [rounds]
 *
 * The Debian image of four layers that bench/pull.ts pulls, in stores on an ext4 with a journal (a loop device over memory,
 * made here); what is removed has reached the disk before. A second table adds what remains to be written (syncfs). Needs
 * root and script/setup --tests.
 */
import { benchPullers } from './harness/pull-bench.ts';

await benchPullers({
  file: import.meta.filename,
  titles: ['remove an image, as each one does it', 'and until the disk knows (syncfs)'],
  unit: 'ms',
  goal: 'docker at least 50 x',
  withFloor: false,
  once: async ({ pull, remove }, measure) => {
    await pull();
    await measure(remove);
  },
});
