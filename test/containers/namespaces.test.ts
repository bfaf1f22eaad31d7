import { readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import type { ContainerOptions } from '../../lib/containers/index.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture>;

test.before(async (t) => {
  t.context = await openEngineFixture();
  await t.context.engine.containers.run(t.context.image, ['true']); // what is opened once is no leak
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

/** Starts one that only waits; disposal removes it. */
async function startDonor({ engine, image }: EngineFixture, name: string, options: ContainerOptions = {}) {
  const donor = await engine.containers.create(image, { name, argv: ['sleep', '60'], ...options });
  return await donor.start();
}

const shared = [
  ['pid', 'pid', (name: string) => ({ namespaces: { pid: `container:${name}` as const } })],
  ['ipc', 'ipc', (name: string) => ({ namespaces: { ipc: `container:${name}` as const } })],
  ['network', 'net', (name: string) => ({ network: `container:${name}` as const })],
] as const;

for (const [kind, file, options] of shared) {
  test.serial(`a container shares the ${kind} namespace of another one, and no other`, async (t) => {
    const { engine, image } = t.context;
    await using _leaks = await watchLeaks(t, engine);
    await using donor = await startDonor(t.context, `donor-${kind}`, { namespaces: { ipc: 'shareable' } });
    const created = await engine.containers.create(image, { argv: ['sleep', '60'], ...options(donor.name) });
    await using guest = await created.start();
    const namespace = (pid: number, name: string) => readlink(`/proc/${pid}/ns/${name}`);
    for (const name of ['pid', 'ipc', 'net', 'mnt', 'uts', 'cgroup']) {
      const same = (await namespace(guest.pid, name)) === (await namespace(donor.pid, name));
      t.is(same, name === file, name);
    }
  });

  test.serial(
    `who shares the ${kind} namespace of one that does not run cannot start: a conflict`,
    async (t) => {
      const { engine, image } = t.context;
      await using _leaks = await watchLeaks(t, engine);
      const donor = await engine.containers.create(image, { name: `idle-${kind}`, argv: ['true'] });
      const guest = await engine.containers.create(image, { argv: ['true'], ...options(donor.name) });
      const error = await t.throwsAsync(guest.start(), { code: 'ERR_CONTAINER_STATE' });
      t.regex(
        error.message,
        new RegExp(
          `cannot join ${kind === 'network' ? kind : kind.toUpperCase()} of a non running container: idle-${kind}`,
        ),
      );
      await donor.remove();
      await t.throwsAsync(guest.start(), { code: 'ERR_CONTAINER_NOT_FOUND', message: /no such container/ });
      await guest.remove();
    },
  );

  test.serial(`who wants the ${kind} namespace of one that does not exist is not made`, async (t) => {
    const { engine, image, leftovers } = t.context;
    await t.throwsAsync(engine.containers.create(image, { argv: ['true'], ...options('nobody') }), {
      code: 'ERR_CONTAINER_NOT_FOUND',
    });
    t.deepEqual(await leftovers(), []);
  });
}

test.serial('with an IPC namespace goes its /dev/shm, both ways', async (t) => {
  const { engine, image } = t.context;
  await using _leaks = await watchLeaks(t, engine);
  await using donor = await startDonor(t.context, 'shm', { namespaces: { ipc: 'shareable' } });
  await donor.run(['sh', '-c', 'echo from the donor > /dev/shm/a']);
  const line = 'cat /dev/shm/a; echo from the guest > /dev/shm/b';
  const { stdout, stderr } = await engine.containers.run(image, ['sh', '-c', line], {
    namespaces: { ipc: 'container:shm' },
  });
  t.deepEqual([stdout, stderr], ['from the donor\n', '']);
  t.is((await donor.run(['cat', '/dev/shm/b'])).stdout, 'from the guest\n');
});

test.serial('what a donor put in the place of /dev/shm is not shared', async (t) => {
  const { engine, image } = t.context;
  await using _leaks = await watchLeaks(t, engine);
  await using _donor = await startDonor(t.context, 'trap', {
    namespaces: { ipc: 'shareable' },
    mounts: [{ type: 'bind', source: '/etc', target: '/dev/shm' }],
  });
  const guest = engine.containers.run(image, ['true'], { namespaces: { ipc: 'container:trap' } });
  await t.throwsAsync(guest, { message: /no shared memory at \/dev\/shm/ });
});

test.serial('a private IPC namespace is not shared', async (t) => {
  const { engine, image } = t.context;
  await using _donor = await startDonor(t.context, 'private');
  const guest = engine.containers.run(image, ['true'], { namespaces: { ipc: 'container:private' } });
  await t.throwsAsync(guest, {
    code: 'ERR_CONTAINER_STATE',
    message: /non-shareable IPC of container private.*shareable/,
  });
});

test.serial('IPC mode none: an IPC namespace of its own, and nothing mounted at /dev/shm', async (t) => {
  const { engine, image } = t.context;
  const { stdout } = await engine.containers.run(image, ['cat', '/proc/self/mounts'], {
    namespaces: { ipc: 'none' },
  });
  t.false(stdout.includes(' /dev/shm '));
  t.true(stdout.includes('/dev/mqueue'));
});

test.serial("whoever shares a network has that container's hostname and /etc/hosts", async (t) => {
  const { engine, image } = t.context;
  await using _donor = await startDonor(t.context, 'web', {
    hostname: 'web.test',
    extraHosts: { db: '10.0.0.9' },
  });
  const { stdout } = await engine.containers.run(
    image,
    ['sh', '-c', 'echo $HOSTNAME; cat /etc/hosts /etc/hostname'],
    {
      network: 'container:web',
    },
  );
  t.regex(stdout, /^web\.test\n/);
  t.regex(stdout, /10\.0\.0\.9\s+db/);
  t.regex(stdout, /web\.test\n$/);
});

test.serial('in a shared pid namespace one sees the other, and is killed with it', async (t) => {
  const { engine, image } = t.context;
  await using _leaks = await watchLeaks(t, engine);
  const donor = await startDonor(t.context, 'init');
  const created = await engine.containers.create(image, {
    argv: ['sleep', '50'],
    namespaces: { pid: 'container:init' },
  });
  await using guest = await created.start();
  const { stdout } = await guest.run(['sh', '-c', 'cat /proc/[0-9]*/cmdline | tr "\\0" " "']);
  t.regex(stdout, /sleep 60/);
  t.regex(stdout, /sleep 50/);
  await donor[Symbol.asyncDispose]();
  t.like(await guest.wait(), { exitCode: 137, signal: 'SIGKILL' });
});

test.serial('a restart by policy looks for the other container again', async (t) => {
  const { engine, image } = t.context;
  await using _leaks = await watchLeaks(t, engine);
  await using donor = await startDonor(t.context, 'moving');
  const created = await engine.containers.create(image, {
    argv: ['sleep', '60'],
    network: 'container:moving',
    restart: 'always',
  });
  await using guest = await created.start();
  await donor.restart({ timeout: 0 });
  process.kill(guest.pid, 'SIGKILL');
  const pidOf = async (name: string) => {
    const { state } = await engine.containers.inspect(name);
    return state.status === 'running' ? state.pid : 0;
  };
  for (let attempt = 0; attempt < 200 && [0, guest.pid].includes(await pidOf(guest.id)); attempt++)
    await sleep(20);
  const [now, donors] = [await pidOf(guest.id), await pidOf(donor.id)];
  t.is(await readlink(`/proc/${now}/ns/net`), await readlink(`/proc/${donors}/ns/net`));
});

test.serial('a renamed donor is still found', async (t) => {
  const { engine, image } = t.context;
  await using donor = await startDonor(t.context, 'before');
  const guest = await engine.containers.create(image, { argv: ['true'], network: 'container:before' });
  await donor.rename('after');
  await guest.start();
  t.like(await guest.wait(), { exitCode: 0 });
  await guest.remove();
});
