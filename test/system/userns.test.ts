import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { checkout } from '../fixtures/cache.ts';
import { MountWorld } from '../fixtures/mount-world.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';

const first = 2_000_000_000;
const tsx = import.meta.resolve('tsx');
let registry: Registry;
let image: string;
let world: MountWorld;

test.before(async () => {
  registry = await startRegistry();
  image = await registry.push(await busyboxImage(), 'busybox:latest');
  world = await MountWorld.create({
    subordinateIds: [`containers:${first}:${4 * 65_536}`, 'dockremap:1900000000:65536'],
  });
});

test.after.always(async () => {
  await world?.[Symbol.asyncDispose]();
  await registry?.stop();
});

test.afterEach.always((t) => {
  t.deepEqual(world.left(), [], 'left behind');
});

const strake = (t: ExecutionContext, line: string) => world.script(t, `strake ${line}`);

for (const layers of ['erofs', 'directory'])
  test.serial(
    `root of an auto container is nobody outside, and sees the image as it is (${layers})`,
    async (t) => {
      const script =
        "id -u; cat /proc/self/uid_map; stat -c '%u:%g' /bin/busybox /; touch /mine; chown 7:8 /mine";
      const shown = await world.script(
        t,
        `export STRAKE_LAYERS=${layers}; strake pull -q ${image} >/dev/null; strake run --name one --userns auto ${image} sh -ec "${script}"`,
      );
      t.deepEqual(shown.trim().split(/\s+/), ['0', '0', String(first), '65536', '0:0', '0:0']);
      const [id = ''] = readdirSync(join(world.root, 'containers'));
      const { uid, gid } = statSync(join(world.root, 'containers', id, 'upper/mine'));
      t.deepEqual({ uid, gid }, { uid: 7, gid: 8 }, 'stored with the ids inside');
      t.is(await strake(t, 'diff one'), 'A /mine\n');
      t.regex(await world.script(t, 'strake export one | tar -tvf - --numeric-owner mine'), / 7\/8 /);
      t.regex(await world.script(t, 'strake cp one:/mine - | tar -tvf - --numeric-owner'), / 7\/8 /);
      await strake(t, 'commit one made:1');
      t.is(await strake(t, 'run --rm made:1 stat -c %u:%g /mine'), '7:8\n');
      t.is(await strake(t, 'run --rm --userns auto:size=4096 made:1 stat -c %u:%g /mine'), '7:8\n');
      await strake(t, 'rm one');
      await strake(t, `rmi -f made:1 ${image}`);
    },
  );

test.serial(
  'processes of a container belong to its range, and another container has another one',
  async (t) => {
    await strake(t, `run -d --name one --userns auto ${image} sleep 60`);
    await strake(t, `run -d --name two --userns auto ${image} sh -c 'sleep 60'`);
    const pids = (await strake(t, "inspect -f '{{.State.Pid}}' one two")).trim().split('\n');
    const uids = pids.map((pid) => /^Uid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
    t.deepEqual(uids, [String(first), String(first + 65_536)]);
    t.is(await strake(t, "exec one sh -c 'id -u; grep -c . /proc/self/uid_map'"), '0\n1\n');
    t.is(await strake(t, 'exec -u 33:33 one id -u'), '33\n');
    await world.script(
      t,
      'echo text >file; strake cp file one:/file; strake exec one stat -c %u:%g /file >owner',
    );
    t.is(await world.script(t, 'cat owner'), '0:0\n');
    await strake(t, 'rm -f one');
    t.is(
      await strake(t, `run --rm --userns auto ${image} awk '{print $2}' /proc/self/uid_map`),
      `${first}\n`,
    );
    await strake(t, 'rm -f two');
  },
);

test.serial('many processes that make containers at once get ranges of their own', async (t) => {
  const made = await world.script(
    t,
    `for n in 1 2 3 4; do strake create --userns auto ${image} true >id$n & done; wait; cat id?; ls $ROOT/id-ranges`,
  );
  const ranges = made.split('\n').flatMap((line) => /^(\d+)-65536-/.exec(line)?.[1] ?? []);
  t.deepEqual(
    ranges.map(Number).sort(),
    [0, 1, 2, 3].map((n) => first + n * 65_536),
  );
  const { code, stderr } = await world.run(`strake create --userns auto ${image} true`);
  t.is(code, 1);
  t.regex(stderr, /no 65536 ids in one piece left .* containers: remove containers/);
  await world.script(t, 'strake rm $(cat id?) >/dev/null');
});

test.serial('a pool has a range for each container that waits, and no other', async (t) => {
  const script = `
    import { readdirSync } from 'node:fs';
    import { openEngine } from '${checkout}/lib/engine/index.ts';
    const [root, image] = process.argv.slice(2);
    const engine = await openEngine({ root });
    await using pool = await engine.pool(image, { namespaces: { user: 'auto' } }, { size: 1 });
    await pool.filled();
    console.log(readdirSync(root + '/id-ranges').length);`;
  await world.script(t, `strake pull -q ${image} >/dev/null`);
  writeFileSync(join(world.folder, 'dir/pool.mts'), script);
  t.is(await world.script(t, `node --import ${tsx} pool.mts "$ROOT" ${image}`), '1\n');
});

test.serial('a range whose maker died before its container was there is free again', async (t) => {
  const id = 'ab'.repeat(32);
  await world.script(t, `mkdir -p $ROOT/id-ranges; ln -s 4194304:1 $ROOT/id-ranges/${first}-65536-${id}`);
  t.is(await strake(t, `run --rm --userns auto ${image} awk '{print $2}' /proc/self/uid_map`), `${first}\n`);
});

test.serial(
  'a volume is shared by containers of different ids, and is filled with the right owners',
  async (t) => {
    await world.script(
      t,
      `strake run --name base ${image} sh -ec 'mkdir /srv; echo x >/srv/x; chown 5:6 /srv/x; chown 5 /srv'; strake commit base with:1; strake rm base`,
    );
    const list = `stat -c '%n %u:%g' /srv /srv/x`;
    t.is(await strake(t, `run --rm --userns auto -v data:/srv with:1 ${list}`), '/srv 5:0\n/srv/x 5:6\n');
    t.is(await strake(t, `run --rm --userns remap -v data:/srv with:1 ${list}`), '/srv 5:0\n/srv/x 5:6\n');
    t.is(await strake(t, `run --rm -v data:/srv with:1 ${list}`), '/srv 5:0\n/srv/x 5:6\n');
    t.is(await world.script(t, 'stat -c %u:%g $ROOT/volumes/data/_data/x'), '5:6\n');
    await strake(t, 'volume rm data');
    await strake(t, 'rmi with:1');
  },
);

test.serial(
  'what is around it belongs to the container, and the kernel stays out of its reach',
  async (t) => {
    const shown = await strake(
      t,
      `run --rm -t --userns auto --tmpfs /run ${image} sh -ec '
      echo "1.2.3.4 x" >>/etc/hosts
      stat -c "%u %a" /run /dev/shm /etc/resolv.conf
      stat -c %g $(tty)
      grep " /sys sysfs ro" /proc/mounts | cut -d" " -f2
      mkdir /sys/fs/cgroup/x 2>/dev/null || echo no cgroup
      (echo 1 >/proc/sys/vm/drop_caches) 2>/dev/null || echo no sysctl
      mknod /dev/x b 8 0 2>/dev/null || echo no device
      cut -d: -f3 /proc/self/cgroup | sort -u'`,
    );
    const lines = shown.replaceAll('\r', '').trim().split('\n');
    t.deepEqual(lines, [
      '0 1777',
      '0 1777',
      '0 644',
      '5',
      '/sys',
      'no cgroup',
      'no sysctl',
      'no device',
      '/',
    ]);
  },
);

test.serial(
  'a volume that is a bind of a folder shows owners as a bind does, with o=bind and o=rbind',
  async (t) => {
    await world.script(
      t,
      'mkdir -p $DIR/given; touch $DIR/given/root; touch $DIR/given/own; chown 33:33 $DIR/given/own',
    );
    for (const o of ['bind', 'rbind'])
      await strake(t, `volume create -o type=none -o o=${o} -o device=$DIR/given given-${o}`);
    const list = "stat -c '%n %u:%g' /v/root /v/own";
    for (const volume of ['$DIR/given', 'given-bind', 'given-rbind'])
      t.is(
        await strake(t, `run --rm --userns auto -v ${volume}:/v ${image} ${list}`),
        '/v/root 65534:65534\n/v/own 65534:65534\n',
        volume,
      );
    for (const volume of ['given-bind', 'given-rbind'])
      t.is(
        await strake(t, `run --rm --userns auto -v ${volume}:/v:idmap ${image} ${list}`),
        '/v/root 0:0\n/v/own 33:33\n',
        volume,
      );
    await strake(t, 'volume rm given-bind given-rbind');
  },
);

test.serial('a bind shows its owners as they are, or with idmap as the container has them', async (t) => {
  await world.script(t, 'mkdir -p own; echo secret >own/file; chmod 600 own/file');
  const denied = await world.run(`strake run --rm --userns auto -v $DIR/own:/own ${image} cat /own/file`);
  t.not(denied.code, 0);
  t.regex(denied.stderr, /Permission denied/);
  t.is(await strake(t, `run --rm --userns auto -v $DIR/own:/own:idmap ${image} cat /own/file`), 'secret\n');
  await strake(
    t,
    `run --rm --userns auto --mount type=bind,src=$DIR/own,dst=/own,idmap ${image} touch /own/new`,
  );
  t.is(await world.script(t, 'stat -c %u own/new'), '0\n');
});

test.serial(
  "what shares the machine is refused in docker's words, and runs with --userns host",
  async (t) => {
    await world.script(t, `echo '{"userns":{"default":"remap"}}' >/etc/strake/config.json`);
    const refused: [flags: string, message: RegExp][] = [
      ['--privileged', /privileged mode is incompatible with user namespaces.*--userns host/],
      ['--network host', /cannot share the host's network namespace when user namespaces are enabled/],
      ['--pid host', /cannot share the host PID namespace when user namespaces are enabled/],
    ];
    for (const [flags, message] of refused) {
      const { code, stderr } = await world.run(`strake run --rm ${flags} ${image} true`);
      t.is(code, 125, flags);
      t.regex(stderr, message);
      await strake(t, `run --rm ${flags} --userns host ${image} true`);
    }
    t.is(await strake(t, `run --rm ${image} awk '{print $2}' /proc/self/uid_map`), '1900000000\n');
    await world.script(t, 'rm /etc/strake/config.json');
  },
);

test.serial('containers that share a network share their ids', async (t) => {
  await strake(t, `run -d --name one --userns auto ${image} sleep 60`);
  const maps = `run --rm --userns auto --network container:one ${image} awk '{print $2}' /proc/self/uid_map`;
  t.is(await strake(t, maps), `${first}\n`);
  await strake(t, 'rm -f one');
});

test.serial('without a line in /etc/subuid the remedy is named', async (t) => {
  await using bare = await MountWorld.create();
  const { code, stderr } = await bare.run('strake run --rm --userns auto @host true');
  t.is(code, 125);
  t.regex(stderr, /\/etc\/subuid has no range for containers.*add a line such as containers:\d+:\d+/);
});
