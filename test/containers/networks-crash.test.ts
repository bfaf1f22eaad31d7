import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { type NetworkFixture, openNetworkFixture } from '../fixtures/networks.ts';

const test = anyTest as TestFn<NetworkFixture>;

test.before(async (t) => {
  t.context = await openNetworkFixture();
  await t.context.engine.networks.create('dual', { ipv6: true });
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

/** A program that starts and removes a container again and again, and says so. */
const starter = (root: string, netns: string, image: string) => `
  import { openEngine } from '${new URL('../../lib/engine/index.ts', import.meta.url).pathname}';
  const engine = await openEngine({ root: '${root}', netns: '${netns}' });
  console.log('ready');
  for (;;) {
    const options = { network: 'dual', ports: [{ containerPort: 80, hostPort: 8123 }], argv: ['sleep', '0.01'], autoRemove: true };
    const container = await engine.containers.create('${image}', options);
    const started = await container.start().catch(() => null);
    await started?.wait().catch(() => undefined);
  }
`;

test.serial(
  'a starter that is killed at any moment leaves nothing once the next command has run',
  async (t) => {
    t.timeout(240_000);
    const { engine, host, image } = t.context;
    for (let round = 0; round < 12; round++) {
      const script = starter(engine.root, host.path, image);
      const child = spawn(process.execPath, ['--import=tsx', '--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      await once(child.stdout, 'data');
      await delay(20 + round * 3.7);
      child.kill('SIGKILL');
      await once(child, 'exit');
      await delay(100);
      for (const { id } of await engine.containers.list({ all: true }))
        await engine.containers.remove(id, { force: true });
      await t.context.assertNothingLeft(t);
    }
  },
);

test.serial(
  'a monitor that is killed at any moment leaves nothing once the next command has run',
  async (t) => {
    t.timeout(240_000);
    const { engine, image } = t.context;
    for (let round = 0; round < 25; round++) {
      const options = {
        network: 'dual',
        ports: [{ containerPort: 80, hostPort: 8124 }],
        argv: ['sleep', '0.005'],
      };
      const container = await engine.containers.create(image, options);
      const started = container.start().catch(() => null);
      await delay(round * 0.7);
      killMonitorOf(`${engine.runDir}/containers/${container.id}`);
      await started;
      await engine.containers.list({ all: true });
      await container.remove({ force: true });
      await t.context.assertNothingLeft(t);
    }
  },
);

/** By its command line, which has the run directory. */
function killMonitorOf(runDir: string): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      if (
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(`run\0${runDir}`) ||
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0run\0${runDir}`)
      )
        process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it has ended meanwhile
    }
  }
}
