import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, rmdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import anyTest, { type TestFn } from 'ava';
import { requireSecurityModules } from '../../lib/containers/security-modules.ts';
import { parseContainerOptions } from '../../lib/containers/spec.ts';
import { openEngine } from '../../lib/engine/index.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture>;

test.before(async (t) => {
  t.context = await openEngineFixture();
  await t.context.engine.containers.run(t.context.image, ['true']); // what is opened once is no leak
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

const sysctls: [name: string, options: object, message: RegExp | null][] = [
  ['net.ipv4.ip_forward', {}, null],
  [
    'net.ipv4.ip_forward',
    { network: 'host' },
    /sysctl "net\.ipv4\.ip_forward" not allowed in host network namespace/,
  ],
  ['net/ipv4/ip_forward', { network: 'host' }, /not allowed in host network namespace/],
  ['kernel.shmmax', {}, null],
  [
    'kernel.shmmax',
    { namespaces: { ipc: 'host' } },
    /sysctl "kernel\.shmmax" is not allowed in the hosts ipc namespace/,
  ],
  ['fs.mqueue.msg_max', { namespaces: { ipc: 'host' } }, /hosts ipc namespace/],
  ['kernel.domainname', { namespaces: { uts: 'host' } }, /uts/],
  ['kernel.hostname', {}, /conflicts with the OCI "hostname" field/],
  ['kernel.pid_max', {}, /is not in a separate kernel namespace/],
  ['vm.swappiness', {}, /is not in a separate kernel namespace/],
  ['user.max_user_namespaces', { namespaces: { user: 'auto' } }, null],
  ['user.max_user_namespaces', { namespaces: { user: 'host' } }, /the hosts user namespace/],
];

for (const [name, options, message] of sysctls) {
  test(`sysctl ${name} with ${JSON.stringify(options)}: ${message ? 'refused' : 'taken'}`, (t) => {
    const parse = () => parseContainerOptions({ sysctls: { [name]: '1' }, ...options });
    if (message === null) t.notThrows(parse);
    else t.throws(parse, { code: 'ERR_CONTAINER_OPTION_INVALID', message });
  });
}

test("a sysctl of what only turns out to be the machine's is refused before any effect", async (t) => {
  const { engine, image } = t.context;
  const { containers } = engine;
  const shared = { network: 'host', namespaces: { ipc: 'host' } } as const;
  const donor = await containers.create(image, { ...shared, name: 'donor', argv: ['true'] });
  const second = await containers.create(image, {
    network: 'container:donor',
    name: 'second',
    argv: ['true'],
  });
  const refused: [options: object, message: RegExp][] = [
    [{ sysctls: { 'user.max_user_namespaces': '1' } }, /the hosts user namespace/],
    [{ sysctls: { 'net.ipv4.ip_forward': '1' }, network: 'container:donor' }, /host network namespace/],
    [{ sysctls: { 'net.ipv4.ip_forward': '1' }, network: 'container:second' }, /host network namespace/],
    [
      { sysctls: { 'net.ipv4.ip_forward': '1' }, network: { path: '/proc/self/ns/net' } },
      /host network namespace/,
    ],
    [
      { sysctls: { 'kernel.shmmax': '1' }, namespaces: { ipc: 'container:donor' } },
      /the hosts ipc namespace/,
    ],
  ];
  for (const [options, message] of refused)
    await t.throwsAsync(containers.create(image, { argv: ['true'], ...options }), {
      code: 'ERR_CONTAINER_OPTION_INVALID',
      message,
    });
  for (const container of [second, donor]) await container.remove();
  const own = await containers.create(image, { argv: ['true'], sysctls: { 'net.ipv4.ip_forward': '1' } });
  await own.remove();
});

const conflicts: [options: object, message: RegExp][] = [
  [{ hostname: 'a', namespaces: { uts: 'host' } }, /conflicting options: hostname and the UTS mode/],
  [{ hostname: 'a', network: 'container:b' }, /conflicting options: hostname and the network mode/],
  [
    { dns: { servers: ['1.1.1.1'] }, network: 'container:b' },
    /conflicting options: dns and the network mode/,
  ],
  [{ extraHosts: { a: '::1' }, network: 'container:b' }, /custom host-to-IP mapping and the network mode/],
  [{ network: 'container:' }, /invalid container format container:<name\|id>/],
  [{ namespaces: { pid: 'container:' } }, /invalid container format/],
  [{ namespaces: { pid: 'shareable' } }, /must be one of private, host/],
];

for (const [options, message] of conflicts) {
  test(`refused together: ${JSON.stringify(options)}`, (t) => {
    t.throws(() => parseContainerOptions(options), { code: 'ERR_CONTAINER_OPTION_INVALID', message });
  });
}

for (const parent of [
  '',
  '/',
  '..',
  '/a/../../b',
  '/a/./b',
  'a/cgroup.procs',
  'a/tasks',
  'a\nb',
  'x'.repeat(256),
]) {
  test(`no cgroup parent: ${JSON.stringify(parent.slice(0, 20))}`, (t) => {
    t.throws(() => parseContainerOptions({ cgroupParent: parent }), { message: /cgroupParent/ });
  });
}

test.serial("a container's cgroup is made below the parent that was asked for, and goes alone", async (t) => {
  const { engine, image } = t.context;
  const parent = `strake-test-${process.pid}`;
  const leftBelow = async () => {
    const tops = (await readdir('/sys/fs/cgroup')).map((name) => `/sys/fs/cgroup/${name}/${parent}`);
    const below = await Promise.all(
      [`/sys/fs/cgroup/${parent}`, ...tops].map(async (top) => {
        const entries = await readdir(top, { withFileTypes: true }).catch(() => []);
        return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
      }),
    );
    return below.flat();
  };
  t.teardown(async () => {
    for (const name of ['', ...(await readdir('/sys/fs/cgroup'))])
      await rmdir(join('/sys/fs/cgroup', name, parent)).catch(() => undefined);
  });
  const container = await engine.containers.create(image, {
    argv: ['sleep', '60'],
    cgroupParent: `/${parent}`,
    limits: { pids: 20 },
  });
  {
    await using started = await container.start();
    t.true((await leftBelow()).includes(started.id));
    t.is((await started.inspect()).cgroupParent, parent);
    await started.pause();
    await started.unpause();
    await started.update({ limits: { pids: 30 } });
    t.true((await started.top()).rows.length === 1);
  }
  t.deepEqual(await leftBelow(), []);
});

test('a confinement that the kernel does not have is refused, not ignored', (t) => {
  const of = (security: object) => () =>
    requireSecurityModules(parseContainerOptions({ security }), '/nonexistent');
  t.throws(of({ apparmor: 'my-profile' }), {
    code: 'ERR_SECURITY_MODULE_MISSING',
    message: /my-profile.*AppArmor is not enabled/,
  });
  t.throws(of({ label: { type: 'container_t' } }), {
    code: 'ERR_SECURITY_MODULE_MISSING',
    message: /system_u:system_r:container_t:s0.*SELinux/,
  });
  t.notThrows(of({ apparmor: 'unconfined', label: 'disable' }));
});

test('where the kernel has it, it is applied', async (t) => {
  const sys = await mkdtemp(join(tmpdir(), 'strake-sys-'));
  t.teardown(() => rm(sys, { recursive: true }));
  mkdirSync(join(sys, 'module/apparmor/parameters'), { recursive: true });
  writeFileSync(join(sys, 'module/apparmor/parameters/enabled'), 'Y\n');
  t.notThrows(() =>
    requireSecurityModules(parseContainerOptions({ security: { apparmor: 'my-profile' } }), sys),
  );
});

test.serial('writable-cgroups: the container makes a cgroup below its own', async (t) => {
  const { engine, image } = t.context;
  const { stdout } = await engine.containers.run(image, ['sh', '-c', 'cat /proc/self/mounts'], {
    security: { writableCgroups: true },
  });
  t.regex(stdout, /^cgroup2? \/sys\/fs\/cgroup\S* cgroup2? rw,/m);
  const plain = await engine.containers.run(image, ['sh', '-c', 'cat /proc/self/mounts']);
  t.notRegex(plain.stdout, /^cgroup2? \/sys\/fs\/cgroup\S* cgroup2? rw,/m);
});

test.serial('a CDI device: its node, its variables, its mounts, its groups and its hooks', async (t) => {
  const { directory, image } = t.context;
  const cdi = join(directory, 'cdi');
  mkdirSync(cdi);
  writeFileSync(join(directory, 'hook'), '#!/bin/sh\ncat > "$1"\n', { mode: 0o755 });
  writeFileSync(join(directory, 'library'), 'from the vendor\n');
  const spec = {
    cdiVersion: '1.0.0',
    kind: 'vendor.test/thing',
    devices: [
      {
        name: 'one',
        containerEdits: {
          deviceNodes: [{ path: '/dev/thing', hostPath: '/dev/null', permissions: 'rw' }],
          env: ['THING=one'],
          mounts: [
            {
              hostPath: join(directory, 'library'),
              containerPath: '/vendor/library',
              options: ['ro', 'nosuid', 'bind'],
            },
          ],
          hooks: [
            {
              hookName: 'createRuntime',
              path: join(directory, 'hook'),
              args: ['hook', join(directory, 'created')],
            },
            {
              hookName: 'poststart',
              path: join(directory, 'hook'),
              args: ['hook', join(directory, 'started')],
            },
            {
              hookName: 'poststop',
              path: join(directory, 'hook'),
              args: ['hook', join(directory, 'stopped')],
            },
          ],
          additionalGids: [4242],
        },
      },
    ],
  };
  writeFileSync(join(cdi, 'thing.json'), JSON.stringify(spec));
  await using engine = await openEngine({ root: t.context.engine.root, cdiDirectories: [cdi] });
  await using _leaks = await watchLeaks(t, engine);
  const line = 'echo x > /dev/thing && ls -l /dev/thing; echo $THING; cat /vendor/library; id -G';
  const { stdout, stderr } = await engine.containers.run(image, ['sh', '-c', line], {
    devices: ['vendor.test/thing=one'],
  });
  t.is(stderr, '');
  t.regex(stdout, /^crw.* 1, +3 .*\/dev\/thing\none\nfrom the vendor\n(.* )?4242\n$/);
  for (const [file, status] of [
    ['created', 'creating'],
    ['started', 'running'],
    ['stopped', 'stopped'],
  ] as const)
    t.is(JSON.parse(readFileSync(join(directory, file), 'utf8')).status, status);
  await t.throwsAsync(engine.containers.run(image, ['true'], { devices: ['vendor.test/thing=two'] }), {
    code: 'ERR_CDI_DEVICE_NOT_FOUND',
    message: /vendor\.test\/thing=two.*thing\.json/,
  });
});

test.serial("annotations reach the runtime's config.json", async (t) => {
  const { engine, image } = t.context;
  const container = await engine.containers.create(image, {
    argv: ['sleep', '9'],
    annotations: { 'a.b': 'c' },
    expose: ['80', '53/udp', '90-91'],
  });
  await using started = await container.start();
  const config = JSON.parse(
    readFileSync(join(engine.runDir, 'containers', started.id, 'config.json'), 'utf8'),
  );
  t.deepEqual(config.annotations, { 'a.b': 'c' });
  t.deepEqual((await started.inspect()).exposedPorts, ['80/tcp', '53/udp', '90/tcp', '91/tcp']);
});
