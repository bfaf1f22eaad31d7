import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { effectiveCapabilities } from '../../lib/containers/capabilities.ts';
import { defaultSeccompProfile } from '../../lib/containers/default-seccomp.ts';
import type { ContainerOptions } from '../../lib/containers/index.ts';
import { type RuntimeConfigInput, runtimeConfig } from '../../lib/containers/runtime-config.ts';
import { parseContainerOptions } from '../../lib/containers/spec.ts';
import type { ImageProcess } from '../../lib/oci/index.ts';

const image: ImageProcess = {
  env: ['PATH=/usr/bin:/bin', 'LANG=C.UTF-8'],
  entrypoint: ['/entry'],
  cmd: ['serve', '--port=80'],
  workingDir: '/srv',
  labels: {},
  exposedPorts: [],
  volumes: [],
  onBuild: [],
};

const bare: ImageProcess = { ...image, env: [], entrypoint: [], cmd: [], workingDir: '/' };

function inputOf(options: ContainerOptions, more: Partial<RuntimeConfigInput> = {}): RuntimeConfigInput {
  return {
    id: '0123456789abcdef'.repeat(4),
    spec: parseContainerOptions(options),
    image,
    host: { hostname: 'machine', arch: 'x64', swapAccounting: true },
    etc: '/run/strake/containers/ID',
    volumes: [],
    devices: [],
    idMap: null,
    ...more,
  };
}

/** UPDATE_GOLDEN=1 writes the files in runtime-config/: read the diff before you believe it. */
const cases: Readonly<Record<string, RuntimeConfigInput>> = {
  default: inputOf({}),
  'command-only': inputOf({ argv: ['sh', '-c', 'exit'] }, { image: bare }),
  privileged: inputOf(
    { privileged: true, argv: ['sh'], entrypoint: [] },
    {
      devices: [
        { path: '/dev/loop0', type: 'b', major: 7, minor: 0, mode: 0o660, uid: 0, gid: 6, access: 'rwm' },
      ],
    },
  ),
  hardened: inputOf({
    readOnly: true,
    capDrop: ['ALL'],
    capAdd: ['net_bind_service'],
    user: '1000:1000',
    security: { noNewPrivileges: true },
    mounts: [{ type: 'tmpfs', target: '/tmp', size: '16m', options: ['exec'] }],
  }),
  limits: inputOf({
    limits: {
      memory: '512m',
      memoryReservation: '256m',
      cpus: 1.5,
      cpuShares: 512,
      cpusetCpus: '0-1',
      pids: 100,
      blkioWeight: 300,
      shmSize: '1g',
      oomScoreAdj: 500,
      ulimits: { nofile: { soft: 1024, hard: 4096 }, core: -1 },
    },
  }),
  'limits-without-swap': inputOf(
    { limits: { memory: '64m' } },
    { host: { hostname: 'machine', arch: 'x64', swapAccounting: false } },
  ),
  'host-namespaces': inputOf({
    network: 'host',
    namespaces: { pid: 'host', ipc: 'host', uts: 'host', cgroup: 'host' },
    security: { seccomp: 'unconfined' },
  }),
  'joined-network': inputOf({
    network: { path: '/run/netns/blue' },
    hostname: 'blue',
    domainname: 'example.org',
  }),
  'user-namespace': inputOf(
    {},
    {
      idMap: {
        uids: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
        gids: [{ containerID: 0, hostID: 100_000, size: 65_536 }],
      },
      volumes: [
        {
          mount: {
            type: 'bind',
            source: '/var/lib/strake/volumes/db/_data',
            options: ['rbind'],
            idsInside: true,
          },
          target: '/var/lib/db',
          readOnly: true,
          copy: true,
          subpath: 'a/b',
        },
      ],
    },
  ),
  mounts: inputOf(
    {
      mounts: [
        { type: 'bind', source: '/srv/a/b', target: '/data/deep/er', readOnly: true },
        { type: 'bind', source: '/srv/a', target: '/data', propagation: 'rslave' },
        { type: 'bind', source: '/srv/hosts', target: '/etc/hosts' },
        { type: 'bind', source: '/dev', target: '/dev' },
        { type: 'volume', name: 'db', target: '/var/lib/db' },
      ],
    },
    {
      volumes: [
        {
          mount: {
            type: 'bind',
            source: '/var/lib/strake/volumes/db/_data',
            options: ['rbind'],
            idsInside: true,
          },
          target: '/var/lib/db',
          readOnly: false,
          copy: true,
        },
      ],
    },
  ),
  devices: inputOf(
    { devices: [{ path: '/dev/fuse' }], deviceCgroupRules: ['c 42:* rmw', 'b *:* r'] },
    {
      devices: [
        { path: '/dev/fuse', type: 'c', major: 10, minor: 229, mode: 0o666, uid: 0, gid: 0, access: 'rw' },
      ],
    },
  ),
  terminal: inputOf({
    tty: true,
    stdin: true,
    env: { TERM: 'vt100', LANG: 'C', EMPTY: '' },
    cwd: '/tmp/../work',
  }),
};

for (const [name, input] of Object.entries(cases)) {
  test(`config.json: ${name}`, (t) => {
    const { linux, ...rest } = runtimeConfig(input);
    const { seccomp, ...linuxRest } = linux ?? {};
    const capabilities = effectiveCapabilities(input.spec.capAdd, input.spec.capDrop, false);
    if (seccomp) t.deepEqual(seccomp, defaultSeccompProfile(capabilities, 'x64'));
    const found = { ...rest, linux: { ...linuxRest, ...(seccomp && { seccomp: 'the default' }) } };
    t.deepEqual(JSON.parse(JSON.stringify(found)), golden(name, found));
  });
}

function golden(name: string, found: unknown): unknown {
  const file = fileURLToPath(new URL(`runtime-config/${name}.json`, import.meta.url));
  if (process.env.UPDATE_GOLDEN === '1') {
    mkdirSync(new URL('runtime-config/', import.meta.url), { recursive: true });
    writeFileSync(file, `${JSON.stringify(found, null, 2)}\n`);
  }
  return JSON.parse(readFileSync(file, 'utf8'));
}

test('a container without a command is refused', (t) => {
  t.throws(() => runtimeConfig(inputOf({}, { image: bare })), { code: 'ERR_CONTAINER_OPTION_INVALID' });
});

const commands: [title: string, options: ContainerOptions, expected: string[]][] = [
  ["neither: the image's", {}, ['/entry', 'serve', '--port=80']],
  ["arguments: the image's entrypoint with them", { argv: ['x'] }, ['/entry', 'x']],
  ["an entrypoint drops the image's arguments", { entrypoint: ['/own'] }, ['/own']],
  ['both', { entrypoint: ['/own', '-v'], argv: ['x'] }, ['/own', '-v', 'x']],
  ['a removed entrypoint', { entrypoint: [], argv: ['x'] }, ['x']],
];

for (const [title, options, expected] of commands) {
  test(`command: ${title}`, (t) => {
    t.deepEqual(runtimeConfig(inputOf(options)).process?.args, expected);
  });
}

const capabilities: [title: string, add: string[], drop: string[], has: string[], hasNot: string[]][] = [
  ['the defaults', [], [], ['CAP_CHOWN', 'CAP_NET_RAW'], ['CAP_SYS_ADMIN', 'CAP_NET_ADMIN']],
  ['one more', ['CAP_NET_ADMIN'], [], ['CAP_NET_ADMIN', 'CAP_CHOWN'], ['CAP_SYS_ADMIN']],
  ['one less', [], ['CAP_NET_RAW'], ['CAP_CHOWN'], ['CAP_NET_RAW']],
  ['none', [], ['ALL'], [], ['CAP_CHOWN']],
  ['none but one', ['CAP_CHOWN'], ['ALL'], ['CAP_CHOWN'], ['CAP_KILL']],
  ['all but one', ['ALL'], ['CAP_SYS_ADMIN'], ['CAP_SYS_MODULE', 'CAP_BPF'], ['CAP_SYS_ADMIN']],
];

for (const [title, add, drop, has, hasNot] of capabilities) {
  test(`capabilities: ${title}`, (t) => {
    const effective = effectiveCapabilities(add, drop, false);
    t.deepEqual(
      has.filter((name) => !effective.includes(name)),
      [],
    );
    t.deepEqual(
      hasNot.filter((name) => effective.includes(name)),
      [],
    );
    t.is(new Set(effective).size, effective.length);
  });
}
