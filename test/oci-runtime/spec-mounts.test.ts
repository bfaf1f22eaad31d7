/** runtime-spec 1.2, config.md "Root" and "Mounts": what the container's own mount table says of each option. */

import { spawnSync } from 'node:child_process';
import { chownSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  bundle,
  cleanUp,
  complaint,
  config,
  directory,
  linux,
  linuxWith,
  mountsWith,
  namespacesWith,
  program,
  root,
  runtime,
  shell,
  unique,
} from './bundle.ts';

test.after.always(cleanUp);

const source = join(directory, 'source');
mkdirSync(join(source, 'below'), { recursive: true });
writeFileSync(join(source, 'file'), 'of the host\n');

const tmpfs = (destination: string, ...options: string[]) => ({
  destination,
  type: 'tmpfs',
  source: 'tmpfs',
  options,
});
const bind = (destination: string, ...options: string[]) => ({
  destination,
  type: 'none',
  source,
  options: ['rbind', ...options],
});

interface Mounted {
  readonly options: readonly string[];
  readonly tags: readonly string[];
  readonly superblock: readonly string[];
}

/** The mounts of a container with these, by their place (proc_pid_mountinfo(5)); a later one covers an earlier. */
function mounted(name: string, ...mounts: readonly object[]): Map<string, Mounted> {
  const { out, err } = shell(name, 'cat /proc/self/mountinfo', { mounts: mountsWith(...mounts) });
  if (out === '') throw new Error(err);
  const rows = out
    .trim()
    .split('\n')
    .map((line) => {
      const [before = '', after = ''] = line.split(' - ');
      const fields = before.split(' ');
      const tags = fields.slice(6).map((tag) => tag.replace(/:\d+$/, ''));
      const row = {
        options: fields[5]?.split(',') ?? [],
        tags,
        superblock: after.split(' ').at(-1)?.split(',') ?? [],
      };
      return [fields[4] ?? '', row] as const;
    });
  return new Map(rows);
}

/** The options of the one mount at /m. */
function optionsOf(name: string, mount: object): readonly string[] {
  return mounted(name, mount).get('/m')?.options ?? [];
}

linux('root.readonly seals the root and nothing else; root.path may be absolute', (t) => {
  const rootfs = join(bundle('absolute', ['true']), 'rootfs');
  const root = { path: rootfs, readonly: true };
  const { out } = shell('sealed', 'echo > /x; echo > /m/x && echo written', {
    root,
    mounts: mountsWith(tmpfs('/m')),
  });
  t.is(out, 'written\n');
  t.is(shell('open', 'echo > /x && echo written').out, 'written\n');
});

linux('a root that is not named, or is no directory, is refused', (t) => {
  t.regex(complaint('unnamed', { root: {} }), /root\.path/);
  t.regex(complaint('absent', { root: { path: 'absent' } }), /absent/);
});

linux('mounts are made in the listed order, and what is missing for them is made', (t) => {
  const mounts = mountsWith(tmpfs('/m'), bind('/m/a/b'), tmpfs('/m/a/b/below', 'size=64k'));
  const { out } = shell('order', 'cat /m/a/b/file; ls /m/a/b; echo x > /m/a/b/below/y; ls /m/a/b/below', {
    mounts,
  });
  t.is(out, 'of the host\nbelow\nfile\ny\n');
  const covered = shell('covered', 'ls /m/a', { mounts: mountsWith(bind('/m/a'), tmpfs('/m')) });
  t.not(covered.status, 0);
});

linux(
  'a destination without a slash is below /, a bind source is relative to the bundle, and may be a file',
  (t) => {
    const path = bundle('relative', ['cat', '/m/f'], {
      mounts: mountsWith({ destination: 'm/f', source: 'beside', options: ['bind', 'ro'] }),
    });
    writeFileSync(join(path, 'beside'), 'beside\n');
    t.is(runtime(['run', '-b', path, unique('relative')]).out, 'beside\n');
  },
);

linux('a bind whose source is missing, and a mount without a type, are refused', (t) => {
  const absent = { ...bind('/m'), source: '/nonexistent' };
  t.regex(
    complaint('no-source', { mounts: mountsWith(absent) }),
    /source of the mount at \/m does not exist/,
  );
  t.regex(
    complaint('no-type', { mounts: mountsWith({ destination: '/m' }) }),
    /\/m has neither type nor bind/,
  );
  t.regex(complaint('bad-type', { mounts: mountsWith({ destination: '/m', type: 'unheard' }) }), /unheard/);
});

linux('ro, nosuid, nodev, noexec and their opposites: the last one named holds', (t) => {
  for (const make of [bind, tmpfs]) {
    const all = optionsOf(`set-${make.name}`, make('/m', 'ro', 'nosuid', 'nodev', 'noexec'));
    for (const word of ['ro', 'nosuid', 'nodev', 'noexec'])
      t.true(all.includes(word), `${make.name} ${word}`);
    const pairs = ['ro', 'rw', 'nosuid', 'suid', 'nodev', 'dev', 'noexec', 'exec'];
    const cleared = optionsOf(`clear-${make.name}`, make('/m', ...pairs));
    t.deepEqual(
      cleared.filter((word) => word !== 'relatime'),
      ['rw'],
      make.name,
    );
  }
});

linux('access times: noatime, relatime, strictatime, nodiratime and what undoes them', (t) => {
  const cases: readonly (readonly [readonly string[], readonly string[]])[] = [
    [['noatime'], ['noatime']],
    [['relatime'], ['relatime']],
    [['strictatime'], []],
    [['norelatime'], []],
    [['strictatime', 'nostrictatime'], ['relatime']],
    [['noatime', 'atime'], ['relatime']],
    [['nodiratime'], ['nodiratime', 'relatime']],
    [['nodiratime', 'diratime'], ['relatime']],
  ];
  for (const [index, [options, expected]] of cases.entries()) {
    const found = optionsOf(`atime-${index}`, tmpfs('/m', ...options)).filter((word) =>
      word.includes('atime'),
    );
    t.deepEqual([...found].sort(), [...expected], options.join());
  }
});

linux('nosymfollow: links on that mount are not followed', (t) => {
  const link = 'ln() { /bin/busybox ln "$@"; }; echo in > /m/f; ln -s f /m/link; cat /m/link';
  t.is(shell('follow', link, { mounts: mountsWith(tmpfs('/m')) }).out, 'in\n');
  t.is(shell('no-follow', link, { mounts: mountsWith(tmpfs('/m', 'nosymfollow')) }).out, '');
});

linux('options of the superblock, and those that are only words to mount(8), are taken', (t) => {
  const words = [
    'defaults',
    'async',
    'loud',
    'silent',
    'iversion',
    'noiversion',
    'nomand',
    'nolazytime',
    'nofail',
  ];
  const { superblock } = mounted(
    'words',
    tmpfs('/m', ...words, 'sync', 'dirsync', 'lazytime', 'size=128k'),
  ).get('/m')!;
  for (const word of ['sync', 'dirsync', 'lazytime', 'size=128k']) t.true(superblock.includes(word), word);
  t.truthy(mounted('bind-words', bind('/m', ...words, 'sync')).get('/m'));
  t.regex(complaint('fs-word', { mounts: mountsWith(tmpfs('/m', 'unheard-of')) }), /unheard-of/);
});

linux('remount changes what is mounted already: the mount, and without "bind" the file system', (t) => {
  const remount = (...options: string[]) => ({ destination: '/m', options: ['remount', ...options] });
  t.true(
    mounted('remount', tmpfs('/m'), remount('bind', 'ro', 'noexec'))
      .get('/m')!
      .options.includes('ro'),
  );
  const grown = mounted('grown', tmpfs('/m', 'size=64k'), { ...remount('size=256k'), type: 'tmpfs' });
  t.true(grown.get('/m')!.superblock.includes('size=256k'));
  t.regex(
    complaint('not-mounted', { mounts: mountsWith({ ...remount('ro'), destination: '/tmp' }) }),
    /\/tmp/,
  );
});

linux('tmpcopyup: a tmpfs begins with what it covers', (t) => {
  const path = bundle('copy', ['sh', '-c', 'cat /etc/word; echo > /etc/more'], {
    mounts: mountsWith(tmpfs('/etc', 'tmpcopyup')),
  });
  mkdirSync(join(path, 'rootfs/etc'));
  writeFileSync(join(path, 'rootfs/etc/word'), 'copied\n');
  t.is(runtime(['run', '-b', path, unique('copy')]).out, 'copied\n');
  t.throws(() => statSync(join(path, 'rootfs/etc/more')));
});

/** The mount table of a container that binds a tree with a mount below it, made in a mount namespace of its own. */
function withTree(name: string, ...options: readonly string[]): string {
  const tree = join(directory, `tree-${name}`);
  mkdirSync(tree);
  const mounts = mountsWith({ destination: '/m', source: tree, options: ['rbind', ...options] });
  const path = bundle(name, ['grep', ' /m', '/proc/self/mountinfo'], { mounts });
  const script = `mount -t tmpfs t ${tree} && mkdir ${tree}/below && mount -t tmpfs b ${tree}/below && exec "$@"`;
  const run = [program, '--root', root, 'run', '-b', path, unique(name)];
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', ...run], {
    encoding: 'utf8',
  });
  return stdout || stderr;
}

linux('r-options reach the mounts below, the others do not', (t) => {
  const recursive = withTree('recursive', 'rro', 'rnosuid', 'rnodev', 'rnoexec', 'rnoatime');
  for (const place of ['/m', '/m/below'])
    t.regex(recursive, new RegExp(` ${place} ro,nosuid,nodev,noexec,noatime `), place);
  const single = withTree('single', 'ro', 'noexec');
  t.regex(single, / \/m ro,noexec,relatime /);
  t.regex(single, / \/m\/below rw,relatime /);
  const mixed = withTree('mixed', 'rro', 'rw');
  t.regex(mixed, / \/m\/below ro/);
});

linux(
  'propagation: private by default, shared, slave and unbindable when asked for, and recursively with r',
  (t) => {
    const tags = (name: string, ...options: string[]) =>
      mounted(name, bind('/m', ...options)).get('/m')!.tags;
    t.deepEqual(tags('default'), []);
    t.deepEqual(tags('private', 'rprivate'), []);
    t.true(tags('shared', 'rshared').includes('shared'));
    t.deepEqual(tags('unbindable', 'unbindable'), ['unbindable']);
    t.regex(withTree('rshared', 'rshared'), / \/m\/below rw,relatime .*shared:/);
  },
);

linux('rslave: a later mount of the host is seen inside, and one made inside stays there', async (t) => {
  const place = join(directory, 'propagated');
  mkdirSync(place);
  const id = unique('rslave');
  const mounts = mountsWith({ destination: '/m', source: place, options: ['rbind', 'rslave'] });
  const capabilities = {
    bounding: ['CAP_SYS_ADMIN'],
    permitted: ['CAP_SYS_ADMIN'],
    effective: ['CAP_SYS_ADMIN'],
  };
  const process = { ...config(['sleep', '60']).process, capabilities };
  const path = bundle('rslave', [], { mounts, process });
  const script = `
    mount -t tmpfs t ${place} && mount --make-shared ${place} && mkdir ${place}/later ${place}/inside
    "$@" run -d -b ${path} ${id} >/dev/null 2>&1 </dev/null || exit 1
    mount -t tmpfs l ${place}/later && touch ${place}/later/seen
    "$@" exec ${id} ls /m/later
    "$@" exec ${id} mount -t tmpfs i /m/inside && "$@" exec ${id} touch /m/inside/hidden
    ls ${place}/inside
    "$@" delete -f ${id}`;
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-c', script, 'sh', program, '--root', root], {
    encoding: 'utf8',
  });
  t.is(stdout, 'seen\n', stderr);
});

linux('rootfsPropagation: shared, slave, private and unbindable', (t) => {
  const tags = (rootfsPropagation: string) =>
    shell(`rp-${rootfsPropagation}`, "grep ' / / \\| / ' /proc/self/mountinfo | head -1", {
      linux: linuxWith({ rootfsPropagation }),
    }).out;
  t.regex(tags('shared'), /shared:\d+/);
  t.notRegex(tags('private'), /shared:|master:|unbindable/);
  t.regex(tags('unbindable'), /unbindable/);
  t.notRegex(tags('slave'), /shared:/);
  t.regex(complaint('rp-x', { linux: linuxWith({ rootfsPropagation: 'x' }) }), /rootfsPropagation/);
});

const ids = (hostID: number) => [{ containerID: 0, hostID, size: 65536 }];

linux('idmap: a bind shows the ids of its own mapping', (t) => {
  const place = join(directory, 'mapped');
  mkdirSync(place);
  writeFileSync(join(place, 'file'), '');
  chownSync(join(place, 'file'), 0, 0);
  const mapped = (...options: string[]) => ({
    destination: '/m',
    source: place,
    options,
    uidMappings: ids(100_000),
    gidMappings: ids(200_000),
  });
  for (const option of ['idmap', 'ridmap']) {
    const mounts = mountsWith(mapped('rbind', option));
    t.is(shell(option, 'stat -c %u:%g /m/file', { mounts }).out, '100000:200000\n');
  }
  t.is(
    shell('plain-bind', 'stat -c %u:%g /m/file', { mounts: mountsWith({ ...bind('/m'), source: place }) })
      .out,
    '0:0\n',
  );
  t.is(statSync(join(place, 'file')).uid, 0, 'nothing changed on the host');
});

linux("idmap without mappings takes the user namespace's, and without one is refused", (t) => {
  const place = join(directory, 'mapped-user');
  mkdirSync(place);
  writeFileSync(join(place, 'file'), '');
  const mapped = { destination: '/tmp', source: place, options: ['bind', 'idmap'] };
  const mounts = mountsWith(tmpfs('/dev'), mapped);
  t.regex(complaint('idmap-none', { mounts }), /\/tmp: idmap needs mappings or a user namespace/);
  const user = linuxWith({
    namespaces: namespacesWith([], [{ type: 'user' }]),
    uidMappings: ids(100_000),
    gidMappings: ids(100_000),
  });
  t.is(shell('idmap-user', 'stat -c %u:%g /tmp/file', { mounts, linux: user }).out, '0:0\n');
});

linux('one mapping without the other, and an id-mapped tmpfs, are refused', (t) => {
  const half = { ...bind('/m', 'idmap'), uidMappings: ids(1) };
  t.regex(complaint('half', { mounts: mountsWith(half) }), /uidMappings and gidMappings go together/);
  const both = { ...tmpfs('/m', 'idmap'), uidMappings: ids(1), gidMappings: ids(1) };
  t.regex(complaint('map-tmpfs', { mounts: mountsWith(both) }), /\/m: only bind mounts can be id-mapped/);
});

linux('a mount cannot cover /proc, be inside of it, or leave the root by a link of the image', (t) => {
  t.regex(complaint('over-proc', { mounts: mountsWith(tmpfs('/proc')) }), /would cover or be inside \/proc/);
  t.regex(
    complaint('in-proc', { mounts: mountsWith(tmpfs('/proc/sys')) }),
    /would cover or be inside \/proc/,
  );
  const outside = join(directory, 'outside');
  mkdirSync(outside);
  const path = bundle('linked', ['sh', '-c', 'echo x > /link/inside && ls /link'], {
    mounts: mountsWith(tmpfs('/link')),
  });
  symlinkSync(outside, join(path, 'rootfs/link'));
  t.is(runtime(['run', '-b', path, unique('linked')]).out, 'inside\n');
  t.throws(() => readFileSync(join(outside, 'inside')));
});

linux('maskedPaths cannot be read, readonlyPaths cannot be written, and absent ones are skipped', (t) => {
  const masks = linuxWith({
    maskedPaths: ['/secret', '/dir', '/nonexistent', '/proc/kcore'],
    readonlyPaths: ['/sealed', '/proc/sys', '/not/there'],
  });
  const script =
    'cat /secret; ls /dir; echo > /sealed/x; echo y > /proc/sys/kernel/hostname; echo > /plain && echo done';
  const path = bundle('masks', ['sh', '-c', script], { linux: masks });
  const rootfs = (name: string) => join(path, 'rootfs', name);
  writeFileSync(rootfs('secret'), 'secret\n');
  for (const name of ['dir', 'sealed']) mkdirSync(rootfs(name));
  writeFileSync(rootfs('dir/hidden'), '');
  const { out, err } = runtime(['run', '-b', path, unique('masks')]);
  t.is(out, 'done\n');
  t.is(err.match(/Read-only file system/g)?.length, 2, err);
});
