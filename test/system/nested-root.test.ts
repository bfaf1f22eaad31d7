import { chownSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { checkout } from '../fixtures/cache.ts';
import { debianImage } from '../fixtures/debian-image.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { runProgram } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

const first = 700_000;

/** As root of an outer container has it: a user namespace, all capabilities in it, and nothing outside. */
const nested = [
  '--user',
  `--map-users=${first},0,4000000`,
  `--map-groups=${first},0,4000000`,
  '--setuid',
  '0',
  '--setgid',
  '0',
  '--mount',
];

test.serial(
  'root of an outer user namespace pulls and runs images, with what their layers hide',
  async (t) => {
    await using registry = await startRegistry();
    const debian = await registry.push(await debianImage(), 'debian:12');
    const root = join(temporaryFolder(t), 'root');
    mkdirSync(root, { mode: 0o700 });
    const config = join(root, '../config.json'); // root's own is out of reach
    writeFileSync(config, '{}');
    for (const path of [root, join(root, '..')]) chownSync(path, first, first);
    const strake = (...argv: string[]) => {
      const subordinate = `mount -t tmpfs none /mnt; echo root:${first}:4000000 >/mnt/ids; mount --bind /mnt/ids /etc/subuid; mount --bind /mnt/ids /etc/subgid`;
      const script = `${subordinate}; exec unshare ${nested.join(' ')} -- "$@"`;
      const command = [
        'env',
        `STRAKE_ROOT=${root}`,
        `STRAKE_CONFIG=${config}`,
        join(checkout, 'bin/strake'),
        ...argv,
      ];
      return runProgram(
        'unshare',
        ['-m', '--propagation', 'private', 'bash', '-ec', script, 'bash', ...command],
        { timeout: 60_000 },
      );
    };
    const pulled = await strake('pull', debian);
    t.is(pulled.code, 0, pulled.stderr);
    const script =
      'ls /usr/share/bash-completion; test -e /etc/motd || echo gone; stat -c %u:%g /srv/odd/big-owner; python3 -c "print(6*7)"';
    const { stdout, stderr, code } = await strake('run', '--rm', debian, 'sh', '-c', script);
    t.is(code, 0, stderr);
    t.is(stdout, 'only\ngone\n2000000:3000000\n42\n');
    t.is((await strake('rmi', debian)).code, 0);
  },
);
