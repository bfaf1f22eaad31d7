import test from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { inMount } from '../fixtures/in-mount.ts';
import { startRegistry } from '../fixtures/registry.ts';
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
  t.is(inMount(mount, 'chroot . /bin/sh -c "echo ran as \\$(id -u)"'), 'ran as 0\n');
  t.regex(inMount(mount, 'ls -F'), /^bin\/$/m);
  t.like(await images.inspect(`sha256:${image.id.slice(7, 20)}`), { id: image.id });
});
