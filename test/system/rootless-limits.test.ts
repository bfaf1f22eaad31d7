import test from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { OrdinaryUser } from '../fixtures/ordinary-user.ts';
import { startRegistry } from '../fixtures/registry.ts';

test.serial(
  'in a cgroup that root gave to a user his containers have limits, pause and OOM kills',
  async (t) => {
    await using registry = await startRegistry();
    await using user = await OrdinaryUser.create({ cgroups: true });
    const busybox = await registry.push(await busyboxImage(), 'busybox:latest');
    t.is((await user.strake(['pull', busybox])).code, 0);

    const eater = 'dd if=/dev/zero of=/dev/shm/x bs=1M count=60 2>/dev/null && echo eaten';
    const eaten = await user.strake([
      'run',
      '--rm',
      '--memory',
      '30m',
      busybox,
      'sh',
      '-c',
      `exec 2>&1; ${eater}`,
    ]);
    t.not(eaten.stdout, 'eaten\n', 'the limit did not hold');
    const forks = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 5 & done 2>&1; wait';
    const bomb = await user.strake(['run', '--rm', '--pids-limit', '8', busybox, 'sh', '-c', forks]);
    t.regex(bomb.stdout, /fork: Resource temporarily unavailable|can't fork/);

    t.is((await user.strake(['run', '-d', '--name', 'frozen', busybox, 'sleep', '60'])).code, 0);
    t.is((await user.strake(['pause', 'frozen'])).code, 0);
    t.regex((await user.strake(['ps'])).stdout, /Paused/);
    t.is((await user.strake(['rm', '-f', 'frozen'])).code, 0);

    const { stdout } = await user.strake(['system', 'info', '--format', 'json']);
    const info = JSON.parse(stdout);
    t.true(info.capabilities.cgroups.ok, info.capabilities.cgroups.reason);
    for (const controller of ['memory', 'pids', 'cpu'])
      t.true(info.cgroupControllers.includes(controller), controller);
    t.deepEqual(await user.processesLeft(), []);
    t.deepEqual(user.groups(), []);
  },
);
