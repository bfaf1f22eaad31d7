import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import type { Container, ContainerOptions } from '../../lib/containers/index.ts';
import { type ContainerStatus, type ContainerVerb, transitions } from '../../lib/containers/state.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture>;

test.before(async (t) => {
  t.context = await openEngineFixture();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());

/** A new container in that state. */
const states: Readonly<Record<ContainerStatus, (fixture: EngineFixture) => Promise<Container>>> = {
  created: (fixture) => make(fixture),
  running: async (fixture) => await started(await make(fixture)),
  paused: async (fixture) => {
    const container = await started(await make(fixture));
    await container.pause();
    return container;
  },
  restarting: async (fixture) => {
    const container = await started(await make(fixture, { argv: ['false'], restart: 'always' }));
    for (;;) {
      const { state } = await container.inspect();
      // Long enough for a verb to find it so.
      if (state.status === 'restarting' && new Date(state.restartAt).getTime() - Date.now() > 1000)
        return container;
      await sleep(20);
    }
  },
  exited: async (fixture) => {
    const container = await started(await make(fixture, { argv: ['true'] }));
    await container.wait();
    return container;
  },
};

async function make({ engine, image }: EngineFixture, options: ContainerOptions = {}): Promise<Container> {
  return await engine.containers.create(image, { argv: ['sleep', '60'], stopTimeout: 0, ...options });
}

async function started(container: Container): Promise<Container> {
  await container.start();
  return container;
}

async function firstOf(values: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of values) return;
}

let names = 0;

/** Does it; what it may fail with besides a conflict is let through. */
const verbs: Readonly<Record<ContainerVerb, (container: Container) => Promise<unknown>>> = {
  start: (container) => container.start(),
  stop: (container) => container.stop(),
  kill: (container) => container.kill(),
  pause: (container) => container.pause(),
  unpause: (container) => container.unpause(),
  exec: (container) => container.run(['true']),
  attach: async (container) => {
    const attachment = await container.attach({ stdin: false });
    attachment.exited.catch(() => undefined);
    attachment.detach();
  },
  top: (container) => container.top(),
  remove: (container) => container.remove(),
  restart: (container) => container.restart(),
  rename: (container) => container.rename(`renamed-${names++}`),
  update: (container) => container.update({ limits: { pids: 50 } }),
  commit: (container) => container.commit(), // ERR_CONTAINER_STATE of another reason: it has no image
  inspect: (container) => container.inspect(),
  wait: (container) => container.wait({ signal: AbortSignal.timeout(50) }).catch(aborted),
  logs: (container) => firstOf(container.logs()),
  stats: (container) => firstOf(container.stats()),
  execs: (container) => container.execs(),
  changes: (container) => container.changes(),
  size: (container) => container.size(),
  export: (container) => firstOf(container.export()),
  copy: (container) => container.statPath('/bin'),
  // These containers are on no network: where the state allows it, that is what is wrong.
  connect: (container) => container.connect({ name: 'any' }).catch(withoutNetwork),
  disconnect: (container) => container.disconnect('any').catch(withoutNetwork),
  publish: (container) => container.publish({ containerPort: 80 }).catch(withoutNetwork),
  unpublish: (container) => container.unpublish({ containerPort: 80 }).catch(withoutNetwork),
};

function withoutNetwork(error: Error): void {
  if (!/has the network none|is not on network any|does not publish port 80/.test(error.message)) throw error;
}

function aborted(error: { code?: string }): void {
  if (error.code !== 'ERR_ABORTED') throw error;
}

for (const status of Object.keys(states) as ContainerStatus[]) {
  for (const verb of Object.keys(transitions) as ContainerVerb[]) {
    if (verb === 'commit') continue; // test/containers/commit.test.ts: it needs an image of a registry
    const isAllowed = transitions[verb].includes(status);
    test.serial(
      `${verb} of a container that is ${status}: ${isAllowed ? 'done' : 'a conflict, and it stays as it is'}`,
      async (t) => {
        const container = await states[status](t.context);
        try {
          if (isAllowed) return await t.notThrowsAsync(verbs[verb](container));
          const error = await t.throwsAsync(verbs[verb](container), { code: 'ERR_CONTAINER_STATE' });
          t.regex(error.message, new RegExp(`cannot ${verb} container ${container.name}: it is ${status}; `));
          t.is((await container.inspect()).state.status, status);
        } finally {
          await container.remove({ force: true }).catch(() => undefined);
        }
      },
    );
  }
}

test.serial('every method of a container has its row in the table', async (t) => {
  const container = await make(t.context);
  const rows: Readonly<Record<string, ContainerVerb>> = {
    run: 'exec',
    planExec: 'exec',
    resize: 'attach',
    statPath: 'copy',
    copyOut: 'copy',
    copyIn: 'copy',
  };
  const methods = Object.entries(container).filter(([, value]) => typeof value === 'function');
  for (const [name] of methods) t.true((rows[name] ?? name) in transitions, name);
  await container.remove();
});
