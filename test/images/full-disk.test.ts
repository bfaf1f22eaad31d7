import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { buildImage, noise } from '../fixtures/image.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const program = fileURLToPath(new URL('../fixtures/full-disk-program.ts', import.meta.url));

test('a full disk is an error that says what to do, names nothing, and the pull succeeds when there is room', async (t) => {
  await using registry = await startQuirkyRegistry();
  const layer = { entries: [{ path: 'big', content: noise(6 << 20) }] };
  const reference = registry.add(buildImage({ layers: [layer] }), 'image');
  const root = join(temporaryFolder(t), 'root');
  mkdirSync(root);
  // A file system of 8 MiB, seen by this process only, holds the partial download and not the layer as well.
  const script = 'mount -t tmpfs -o size=8m,mode=700 tmpfs "$1" && exec "$2" --import=tsx "$3" "$1" "$4"';
  const argv = ['-m', 'sh', '-ec', script, 'sh', root, process.execPath, program, reference];
  const { code, stdout, stderr } = await runProgram('unshare', argv);
  t.is(code, 0, stderr);
  const { first, names, leftovers, second } = JSON.parse(stdout);
  t.is(first.code, 'ERR_NO_SPACE');
  t.true(first.message.includes(root));
  t.regex(first.message, /Free some space/);
  t.deepEqual([...names, ...leftovers], []);
  t.is(second, 'pulled');
});
