import test from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { MountWorld } from '../fixtures/mount-world.ts';

/** An ext4 or xfs in a file with project quotas, at $DIR/disk; a kernel without quotas says so. */
const disks: [name: string, make: string][] = [
  ['ext4', 'mkfs.ext4 -q -O project,quota -E quotatype=prjquota disk.img'],
  ['xfs', 'mkfs.xfs -q disk.img'],
];

for (const [name, make] of disks)
  test.serial(`a container writes no more than its size on ${name} with project quotas`, async (t) => {
    await using world = await MountWorld.create();
    const { folder } = await busyboxImage();
    const made = await world.run(
      `set -e; truncate -s 400m disk.img; ${make}; for module in loop ${name} quota_v2; do modprobe -q $module 2>/dev/null || busybox modprobe $module 2>/dev/null || true; done; mkdir disk; mount -o loop,prjquota disk.img disk`,
    );
    if (made.code !== 0) {
      t.log(`this kernel has no project quotas on ${name}: ${made.stderr.trim()}`);
      t.pass();
      return;
    }
    const write = 'dd if=/dev/zero of=/file bs=1M count=40 2>&1; ls -s /file';
    const said = await world.run(
      `export STRAKE_ROOT=$DIR/disk/root; strake load -q -i ${folder} || exit 9
       image=$(strake images -q | head -1)
       strake run --name small --storage-opt size=20m $image sh -c '${write}'
       strake run --rm $image sh -c '${write}' | tail -1
       strake rm small >/dev/null; repquota -P -n $DIR/disk 2>/dev/null | grep -c 20480
       strake run --rm --userns auto --storage-opt size=20m $image true`,
    );
    t.regex(said.stdout, /Disk quota exceeded|No space left on device/, said.stdout + said.stderr);
    const sizes = [...said.stdout.matchAll(/^\s*(\d+) \/file/gm)].map(([, size]) => Number(size));
    t.true((sizes[0] ?? 0) <= 20 * 1024 && (sizes[0] ?? 0) > 15 * 1024, said.stdout);
    t.true((sizes[1] ?? 0) >= 40 * 1024, said.stdout);
    await world.run('umount disk');
  });

test.serial(
  'where the file system keeps no project quotas, a size is refused, and the remedy is named',
  async (t) => {
    await using world = await MountWorld.create();
    for (const root of ['$DIR/here', '/dev/shm/strake-no-quota']) {
      const { code, stderr } = await world.run(
        `STRAKE_ROOT=${root} strake create --storage-opt size=20m @host true; code=$?; ls ${root}/containers >&2; rm -rf /dev/shm/strake-no-quota; exit $code`,
      );
      t.is(code, 1, stderr);
      t.regex(
        stderr,
        /the size of a writable layer cannot be limited: \w+ keeps no project quotas there .*mounted with prjquota.*or leave the size out\n$/,
      );
    }
    const unknown = await world.run('strake create --storage-opt dm.basesize=1g @host true');
    t.regex(unknown.stderr, /the only option is size/);
  },
);
