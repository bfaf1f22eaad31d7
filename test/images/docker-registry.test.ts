import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { openTestImages } from '../fixtures/test-images.ts';

test("an image that skopeo pushed to Debian's docker-registry is pulled, mounted and run", async (t) => {
  await using registry = await startRegistry();
  const reference = await registry.push(await busyboxImage(), 'tools/busybox:1');
  const { images, snapshots, leftovers, partials } = openTestImages(temporaryFolder(t));
  const image = await images.pull(reference);
  t.is(image.reference, reference);
  t.deepEqual([...leftovers(), ...partials()], []);
  const mount = await snapshots.prepare('container', image.chainId);
  if (mount.type !== 'overlay') return t.fail();
  const options = `lowerdir=${mount.lower.join(':')},upperdir=${mount.upper},workdir=${mount.work}`;
  const script =
    'mount -t overlay overlay -o "$1" /mnt && exec chroot /mnt /bin/sh -c "echo ran as \\$(id -u)"';
  t.is(await mustRun('unshare', ['-m', 'sh', '-ec', script, 'sh', options]), 'ran as 0\n');
  t.true(
    lstatSync(join(mount.lower[0] ?? '', 'bin')).isDirectory() &&
      readdirSync(mount.lower[0] ?? '').length > 0,
  );
  t.like(await images.inspect(`sha256:${image.id.slice(7, 20)}`), { id: image.id });
});
