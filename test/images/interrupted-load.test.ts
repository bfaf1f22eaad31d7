import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { dockerArchive, inPieces } from '../fixtures/archives.ts';
import { buildImage, noise } from '../fixtures/image.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';

const image = buildImage({
  layers: [1, 2, 3].map((seed) => ({
    entries: Array.from({ length: 40 }, (_, at) => ({
      path: `file-${seed}-${at}`,
      content: noise(50_000, seed + at),
    })),
    compression: 'none' as const,
  })),
});
const archive = dockerArchive({ image, names: ['loaded:1'] });

/** A load from stdin in another process. */
function startLoad(root: string) {
  const program = fileURLToPath(new URL('../fixtures/load-program.ts', import.meta.url));
  const child = spawn(process.execPath, ['--import=tsx', program, root], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.on('error', () => undefined); // it is killed while it is written to
  const exited = once(child, 'exit');
  return { child, exited };
}

/** Whether bytes have been put down. */
async function arrived(root: string): Promise<void> {
  const folder = join(root, 'content/ingest');
  const files = () =>
    readdirSync(folder, { recursive: true }).filter((name) => String(name).endsWith('/arrived'));
  for (;;) {
    try {
      if (files().length > 0) return;
    } catch {
      // not yet
    }
    await delay(10);
  }
}

test('a load that is killed while its archive arrives leaves nothing once the store is swept', async (t) => {
  const root = temporaryFolder(t);
  const { child, exited } = startLoad(root);
  child.stdin.write(archive.subarray(0, archive.length / 2));
  await arrived(root);
  child.kill('SIGKILL');
  await exited;
  const { images, leftovers, names, partials } = openTestImages(root);
  t.not(leftovers().length, 0);
  t.deepEqual(await images.list(), []);
  await images.sweep();
  t.deepEqual([...leftovers(), ...names(), ...partials()], []);
  t.is((await images.load(inPieces(archive)))[0]?.image.id, image.config.digest);
});

for (const status of ['waiting', 'unpacking', 'committing', 'done']) {
  test(`a load that is killed when a layer is ${status} names nothing, and the next one succeeds`, async (t) => {
    const root = temporaryFolder(t);
    const { child, exited } = startLoad(root);
    child.stdin.end(archive);
    for await (const lines of child.stdout) if (String(lines).includes(`layer ${status}`)) break;
    child.kill('SIGKILL');
    await exited;
    const { images, leftovers, partials, snapshots, containers } = openTestImages(root);
    for (const { id } of await images.list()) t.is(id, image.config.digest); // it was faster than the signal
    t.is((await images.load(inPieces(archive)))[0]?.image.id, image.config.digest);
    await images.sweep();
    t.deepEqual([...leftovers(), ...partials(), ...containers], []);
    t.is((await snapshots.list()).length, 3);
    await images.remove('loaded:1');
    t.deepEqual(await snapshots.list(), []);
  });
}

test('a load whose sender goes away says that the archive was cut', async (t) => {
  const { images, leftovers } = openTestImages(temporaryFolder(t));
  await t.throwsAsync(Promise.resolve(images.load(inPieces(archive.subarray(0, 100_000)))), {
    code: 'ERR_ARCHIVE_INVALID',
  });
  const failing = async function* () {
    yield archive.subarray(0, 100_000);
    throw new Error('the sender went away');
  };
  await t.throwsAsync(Promise.resolve(images.load(failing())), { message: 'the sender went away' });
  t.deepEqual(leftovers(), []);
});
