import test, { type ExecutionContext } from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { MountWorld } from '../fixtures/mount-world.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';

let registry: Registry;
let image: string;
let world: MountWorld;

test.before(async () => {
  registry = await startRegistry();
  image = await registry.push(await busyboxImage(), 'busybox:latest');
  world = await MountWorld.create();
  await world.run(
    `mkdir tree && mount -t tmpfs none tree && mkdir tree/sub && mount -t tmpfs sub tree/sub && touch tree/sub/file; strake pull -q ${image}`,
  );
});

test.after.always(async () => {
  await world?.[Symbol.asyncDispose]();
  await registry?.stop();
});

test.afterEach.always((t) => {
  t.deepEqual(world.left(), [], 'left behind');
});

const strake = (t: ExecutionContext, line: string) => world.script(t, `strake ${line}`);

/** What a container says of the mount below a bind: seen, written. */
const probe = `sh -c '(test -e /t/sub/file && echo seen); (echo x >/t/x && echo top) 2>/dev/null; (echo x >/t/sub/x && echo sub) 2>/dev/null; true'`;

const recursions: [options: string, expected: string][] = [
  ['', 'seen top sub'],
  ['readonly', 'seen'],
  ['readonly,bind-recursive=readonly', 'seen'],
  ['readonly,bind-recursive=writable', 'seen sub'],
  ['bind-recursive=disabled', 'top sub'],
  ['readonly,bind-nonrecursive', ''],
];

for (const [options, expected] of recursions)
  test.serial(
    `a bind of a tree with a mount below: ${options || 'as it is'} is ${expected || 'nothing'}`,
    async (t) => {
      const mount = `type=bind,src=$DIR/tree,dst=/t${options && `,${options}`}`;
      const said = await strake(t, `run --rm --mount ${mount} ${image} ${probe}`);
      t.is(said.trim().split(/\s+/).join(' '), expected);
      await world.script(t, 'rm -f tree/x tree/sub/x');
    },
  );

test.serial('-v :ro seals what is mounted below, too', async (t) => {
  t.is((await strake(t, `run --rm -v $DIR/tree:/t:ro ${image} ${probe}`)).trim(), 'seen');
});

test.serial(
  'mounts travel from the host into a bind that is slave or shared, and back from one that is shared',
  async (t) => {
    await world.script(
      t,
      'mkdir -p peer && mount -t tmpfs peer peer && mount --make-shared peer && mkdir peer/in peer/out',
    );
    const looks: [propagation: string, inside: string, outside: string][] = [
      ['rprivate', 'no', 'no'],
      ['rslave', 'yes', 'no'],
      ['rshared', 'yes', 'yes'],
    ];
    for (const [propagation, inside, outside] of looks) {
      await strake(
        t,
        `run -d --name peer --cap-add SYS_ADMIN --security-opt seccomp=unconfined -v $DIR/peer:/p:${propagation} ${image} sleep 60`,
      );
      const said = await world.script(
        t,
        `mount -t tmpfs in peer/in; touch peer/in/file
       strake exec peer sh -c 'test -e /p/in/file && echo yes || echo no; mount -t tmpfs out /p/out; touch /p/out/file'
       test -e peer/out/file && echo yes || echo no
       strake rm -f peer >/dev/null; umount peer/in; umount peer/out 2>/dev/null || true`,
      );
      t.is(said, `${inside}\n${outside}\n`, propagation);
    }
    await world.script(t, 'umount -R peer');
  },
);

test.serial(
  "a missing source is refused in docker's words; -v makes it, and so does bind-create-src",
  async (t) => {
    const { code, stderr } = await world.run(
      `strake run --rm --mount type=bind,src=$DIR/none,dst=/x ${image} true`,
    );
    t.is(code, 125);
    t.regex(stderr, /invalid mount config for type "bind": bind source path does not exist: .*\/none/);
    await strake(t, `run --rm -v $DIR/made1:/x ${image} test -d /x`);
    await strake(t, `run --rm --mount type=bind,src=$DIR/made2,dst=/x,bind-create-src ${image} test -d /x`);
    await world.script(t, 'rmdir made1 made2');
  },
);

test.serial('two mounts at one target are refused', async (t) => {
  const { code, stderr } = await world.run(`strake run --rm -v a1:/x --tmpfs /x ${image} true`);
  t.is(code, 125);
  t.regex(stderr, /Duplicate mount point: \/x/);
});

test.serial('ids of a bind are mapped as it is asked, without a user namespace', async (t) => {
  await world.script(
    t,
    'mkdir -p own && touch own/a own/b && chown 1000:1000 own own/a && chown 1001:1001 own/b',
  );
  const idmap = "'idmap=uids=1000-0-1#1001-33-1;gids=1000-0-2'";
  const list = "stat -c '%n %u:%g' /own/a /own/b";
  t.is(await strake(t, `run --rm -v $DIR/own:/own:${idmap} ${image} ${list}`), '/own/a 0:0\n/own/b 33:1\n');
  await strake(t, `run --rm --mount type=bind,src=$DIR/own,dst=/own,${idmap} ${image} touch /own/c`);
  t.is(await world.script(t, 'stat -c %u:%g own/c'), '1000:1000\n');
  const { code, stderr } = await world.run(`strake run --rm -v $DIR/own:/own:idmap ${image} true`);
  t.is(code, 125);
  t.regex(stderr, /no user namespace whose ids the files could have.*--userns auto/);
});

test.serial('a subpath of a volume is a directory or a file of it, and nothing outside', async (t) => {
  await strake(
    t,
    `run --rm -v data:/d ${image} sh -ec 'mkdir -p /d/a/b; echo in >/d/a/b/file; ln -s a/b /d/near; ln -s ../../.. /d/up; ln -s /etc /d/etc; ln -s /proc/self/root /d/magic'`,
  );
  const at = (path: string) => `--mount type=volume,src=data,dst=/s,volume-subpath=${path}`;
  t.is(await strake(t, `run --rm ${at('a/b')} ${image} cat /s/file`), 'in\n');
  t.is(await strake(t, `run --rm ${at('a/b/file')} ${image} cat /s`), 'in\n');
  t.is(await strake(t, `run --rm ${at('near')} ${image} cat /s/file`), 'in\n');
  const refused: [path: string, message: RegExp][] = [
    ['up', /subpath up of the mount at \/s leads out/],
    ['etc', /subpath etc of the mount at \/s leads out/],
    ['magic', /leads out/],
    ['none', /does not exist: none/],
    ['../x', /must be a relative path within the volume/],
    ['/a', /must be a relative path within the volume/],
  ];
  for (const [path, message] of refused) {
    const { code, stderr } = await world.run(`strake run --rm ${at(path)} ${image} true`);
    t.not(code, 0, path);
    t.regex(stderr, message, path);
  }
  await strake(t, 'volume rm data');
});

test.serial(
  'an image is mounted read-only, all of it or a part, and stays as long as its container',
  async (t) => {
    const mount = (more: string) => `--mount type=image,src=${image},dst=/i${more}`;
    t.is(
      await strake(
        t,
        `run --rm ${mount('')} @host sh -c 'test -x /i/bin/busybox && touch /i/x 2>/dev/null || echo sealed'`,
      ),
      'sealed\n',
    );
    t.is(
      await strake(
        t,
        `run --rm ${mount(',image-subpath=bin')} @host sh -c 'test -x /i/busybox && echo there'`,
      ),
      'there\n',
    );
    await strake(t, `create --name keeps ${mount(',image-subpath=bin')} @host true`);
    t.not((await world.run(`strake rmi ${image}`)).code, 0);
    t.regex(await world.script(t, 'strake cp keeps:/i - | tar -tf - >list; head -1 list'), /^i\//);
    await strake(t, 'rm keeps');
  },
);

test.serial('a volume mounts what its options say: a tmpfs, another directory', async (t) => {
  await strake(t, 'volume create -o type=tmpfs -o device=tmpfs -o o=size=1m,mode=700,nosuid mem');
  t.is(
    await strake(t, `run --rm -v mem:/m ${image} sh -c "stat -c %a /m; df -k /m | awk 'NR==2{print \\$2}'"`),
    '700\n1024\n',
  );
  t.regex(await strake(t, 'volume inspect mem'), /"device": "tmpfs"/);
  await world.script(t, 'mkdir -p other && echo x >other/file');
  await strake(t, 'volume create -o type=none -o o=bind -o device=$DIR/other oth');
  t.is(
    await strake(t, `run --rm -v oth:/o:ro ${image} sh -c 'cat /o/file; touch /o/y 2>/dev/null || echo ro'`),
    'x\nro\n',
  );
  await strake(t, `create --name copied -v oth:/o ${image} true`);
  t.is(await world.script(t, 'strake cp copied:/o/file - | tar -xOf -'), 'x\n');
  await strake(t, 'rm copied');
  const wrong = await world.run('strake volume create -o type=tmpfs bad');
  t.regex(wrong.stderr, /missing required option: "device"/);
  const inline = `--mount type=volume,src=inl,dst=/m,volume-opt=type=tmpfs,volume-opt=device=tmpfs,\\"volume-opt=o=size=1m,mode=755\\",volume-label=a=b`;
  t.is(await strake(t, `run --rm ${inline} ${image} stat -c %a /m`), '755\n');
  t.is(await strake(t, "volume inspect -f '{{.Labels.a}} {{.Options.o}}' inl"), 'b size=1m,mode=755\n');
  await strake(t, 'volume rm mem oth inl');
});

test.serial("a volume is a disk's file system, also in a user namespace", async (t) => {
  const make = 'truncate -s 8m disk && mkfs.ext4 -q -E root_owner=0:0 disk && losetup -f --show disk';
  const loop = (await world.script(t, make)).trim();
  try {
    await strake(t, `volume create -o type=ext4 -o device=${loop} vol`);
    await strake(t, `run --rm -v vol:/v ${image} sh -c 'echo kept >/v/file'`);
    await world.script(t, 'echo containers:2000000000:65536 | tee /etc/subuid >/etc/subgid');
    t.is(await strake(t, `run --rm --userns auto -v vol:/v ${image} cat /v/file`), 'kept\n');
    await strake(t, 'volume rm vol');
  } finally {
    await world.run(`losetup -d ${loop}; : >/etc/subuid; : >/etc/subgid`);
  }
});

test.serial('a tmpfs has its size and mode', async (t) => {
  const shown = await strake(
    t,
    `run --rm --mount type=tmpfs,dst=/m,tmpfs-size=2m,tmpfs-mode=1750 ${image} sh -c "stat -c %a /m; df -k /m | awk 'NR==2{print \\$2}'"`,
  );
  t.is(shown, '1750\n2048\n');
});

test.serial('commit, diff and export leave out what is mounted', async (t) => {
  await strake(
    t,
    `run --name made -v data:/data --tmpfs /m -v $DIR/tree:/t ${image} sh -ec 'echo 1 >/data/x; echo 2 >/m/x; echo 3 >/mine; mkdir /own'`,
  );
  t.deepEqual(
    (await strake(t, 'diff made'))
      .trim()
      .split('\n')
      .filter((line) => !/\/(data|m|t)$/.test(line))
      .sort(),
    ['A /mine', 'A /own'],
  );
  t.notRegex(await world.script(t, 'strake export made | tar -tf -'), /^(data|m|t)\/./m);
  await strake(t, 'commit made made:1');
  t.is(await strake(t, "run --rm made:1 sh -c 'cat /mine; ls -A /data; ls -A /m; ls -A /t'"), '3\n');
  await strake(t, 'rm made');
  await strake(t, 'rmi made:1');
  await strake(t, 'volume rm data');
});
