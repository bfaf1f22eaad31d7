import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { type Container, type Engine, isEngineError, openEngine } from '../../lib/engine/index.ts';
import { type AttackGround, openAttackGround } from '../fixtures/attack.ts';
import { type ContainerScenario, openContainerScenario } from '../fixtures/container-scenario.ts';

/**
 * What two do at once to one thing, again and again, each after a pause that a seed decides: it ends in one of the ways that
 * are allowed, whoever was first, and nothing is left. STRAKE_RACE_ROUNDS and STRAKE_RACE_SEED try more.
 */
const rounds = Number(process.env.STRAKE_RACE_ROUNDS ?? 16);
const seed = Number(process.env.STRAKE_RACE_SEED ?? 1);
/** Milliseconds by which one may come before the other. */
const longestPause = 12;

let ground: AttackGround;
let image: string;
/** A second program's view of the same root: it shares nothing but the files. */
let other: Engine;

test.before(async () => {
  ground = await openAttackGround();
  image = await ground.serveAboveBusybox({ layers: [] });
  await ground.engine.images.pull(image);
  other = await openEngine({ root: ground.engine.root });
});

test.after.always(async () => {
  await ground?.[Symbol.asyncDispose]();
});

interface Race {
  readonly t: ExecutionContext;
  /** Each with what it may end with: "done", or the code of an error. */
  readonly actions: readonly [() => PromiseLike<unknown>, readonly string[]][];
  /** What must hold afterwards. */
  readonly after?: (outcomes: readonly string[]) => PromiseLike<unknown> | unknown;
}

/** Whether the round is the first one that all have had: prepared anew by `prepare`. */
async function race(prepare: (round: number) => PromiseLike<Race>): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const { t, actions, after } = await prepare(round);
    const outcomes = await Promise.all(
      actions.map(async ([action], at) => {
        await delay(random(seed * 1000 + round * 10 + at) * longestPause);
        return await outcomeOf(action);
      }),
    );
    const said = `round ${round}: ${outcomes.join(', ')}`;
    outcomes.forEach((outcome, at) => {
      t.true(actions[at]?.[1].includes(outcome), said);
    });
    await after?.(outcomes);
    await nothingIsLeft(t, said);
  }
}

async function outcomeOf(action: () => PromiseLike<unknown>): Promise<string> {
  try {
    await action();
    return 'done';
  } catch (error) {
    return isEngineError(error) ? error.code : `${(error as Error).stack}`;
  }
}

/** The containers are removed; whatever else there is is a leak. */
async function nothingIsLeft(t: ExecutionContext, said: string): Promise<void> {
  const { containers, volumes, system } = ground.engine;
  t.deepEqual((await system.check()).findings, [], said);
  for (const { id } of await containers.list({ all: true }))
    await containers.remove(id, { force: true, volumes: true });
  await volumes.prune({ all: true });
  t.deepEqual((await system.check()).findings, [], said);
}

/** From 0 to 1, by the seed alone. */
function random(number: number): number {
  const mixed = Math.imul(number ^ (number >>> 15), 0x2c1b3c6d);
  return ((mixed ^ (mixed >>> 12)) >>> 0) / 2 ** 32;
}

const done = ['done'];
const sleeping = { argv: ['sleep', '1000'] };

async function created(options: object = sleeping): Promise<Container> {
  return await ground.engine.containers.create(image, options as typeof sleeping);
}

async function running(options: object = sleeping): Promise<Container> {
  const container = await created(options);
  await container.start();
  return container;
}

async function statusOf({ id }: Container): Promise<string> {
  return (await ground.engine.containers.inspect(id)).state.status;
}

test.serial('rm with start: one of them comes first, and the other is told', async (t) => {
  await race(async () => {
    const container = await created();
    return {
      t,
      actions: [
        [() => container.remove(), [...done, 'ERR_CONTAINER_STATE']],
        [() => other.containers.start(container.id), [...done, 'ERR_CONTAINER_NOT_FOUND']],
      ],
      after: (outcomes) =>
        t.is(outcomes.filter((outcome) => outcome === 'done').length, 1, outcomes.join(', ')),
    };
  });
});

test.serial('rm by force with start: it is gone, or it is started and then gone', async (t) => {
  await race(async () => {
    const container = await created();
    return {
      t,
      actions: [
        [() => container.remove({ force: true }), done],
        [
          () => other.containers.start(container.id),
          [...done, 'ERR_CONTAINER_NOT_FOUND', 'ERR_MONITOR_DIED'],
        ],
      ],
      after: async () => t.deepEqual(await ground.engine.containers.list({ all: true }), []),
    };
  });
});

test.serial('kill with exec: the exec runs, is killed, or is refused', async (t) => {
  await race(async () => {
    const container = await running();
    const exec = async () => {
      const { exitCode } = await (await other.containers.get(container.id)).run(['true']);
      t.true([0, 137].includes(exitCode), String(exitCode));
    };
    return {
      t,
      actions: [
        [() => container.kill(), done],
        [
          exec,
          [
            ...done,
            'ERR_CONTAINER_STATE',
            'ERR_MONITOR_DIED',
            'ERR_LAUNCH_FAILED',
            'ERR_NAMESPACE_FAILED',
            'ERR_CGROUP_FAILED',
          ],
        ],
      ],
      after: async () => {
        await container.wait();
        t.is(await statusOf(container), 'exited');
      },
    };
  });
});

test.serial('stop with a restart policy: what is stopped stays stopped', async (t) => {
  await race(async () => {
    const container = await created({ argv: ['false'], restart: 'always' });
    await container.start();
    return {
      t,
      actions: [
        [() => container.stop({ timeout: 0 }), [...done, 'ERR_CONTAINER_STATE']],
        [() => other.containers.inspect(container.id), done],
      ],
      after: async ([stopped]) => {
        if (stopped !== 'done') await container.stop({ timeout: 0 });
        await delay(150); // its next start would be due
        t.is(await statusOf(container), 'exited');
      },
    };
  });
});

test.serial('four starts at once: one starts it', async (t) => {
  await race(async () => {
    const container = await created();
    const start = (engine: Engine) => () => engine.containers.start(container.id);
    const allowed = [...done, 'ERR_CONTAINER_STATE'];
    return {
      t,
      actions: [ground.engine, other, ground.engine, other].map(
        (engine) => [start(engine), allowed] as [() => Promise<unknown>, string[]],
      ),
      after: async (outcomes) => {
        t.is(outcomes.filter((outcome) => outcome === 'done').length, 1, outcomes.join(', '));
        t.is(await statusOf(container), 'running');
      },
    };
  });
});

test.serial('the same pull many times, in two programs: all have it, once', async (t) => {
  await race(async (round) => {
    const entries = [{ path: 'round', content: String(round) }];
    const reference = await ground.serveAboveBusybox({ layers: [{ entries }] });
    const pull = (engine: Engine) => () => engine.images.pull(reference);
    return {
      t,
      actions: Array.from(
        { length: 6 },
        (_, at) => [pull(at % 2 ? other : ground.engine), done] as [() => PromiseLike<unknown>, string[]],
      ),
      after: async () => {
        t.is((await ground.engine.run(reference, ['cat', '/round'])).stdout, String(round));
        await ground.engine.images.remove(reference);
      },
    };
  });
});

test.serial('prune with pull: the image that was pulled is whole', async (t) => {
  await race(async (round) => {
    const entries = [{ path: 'round', content: `pruned ${round}` }];
    const reference = await ground.serveAboveBusybox({ layers: [{ entries }] });
    return {
      t,
      actions: [
        [() => ground.engine.images.pull(reference), done],
        [() => other.images.prune(), done],
        [() => other.images.sweep(), done],
      ],
      after: async () => {
        t.is((await ground.engine.run(reference, ['cat', '/round'])).stdout, `pruned ${round}`);
        await ground.engine.images.remove(reference);
      },
    };
  });
});

test.serial('rmi with run: the run has the image, or there is none', async (t) => {
  await race(async (round) => {
    const entries = [{ path: 'round', content: `removed ${round}` }];
    const reference = await ground.serveAboveBusybox({ layers: [{ entries }] });
    await ground.engine.images.pull(reference);
    const run = async () => {
      const options = { pull: 'never' } as const;
      t.is((await other.run(reference, ['cat', '/round'], options)).stdout, `removed ${round}`);
    };
    return {
      t,
      actions: [
        [() => ground.engine.images.remove(reference), [...done, 'ERR_IMAGE_IN_USE']],
        [run, [...done, 'ERR_IMAGE_NOT_FOUND', 'ERR_LAYER_NOT_FOUND', 'ERR_BLOB_NOT_FOUND']],
      ],
      after: async ([removed]) => {
        if (removed !== 'done') await ground.engine.images.remove(reference);
        await ground.engine.images.sweep(); // what was kept for the container while it ran
      },
    };
  });
});

test.serial('rename with rm: nothing keeps either name', async (t) => {
  await race(async (round) => {
    const container = await created({ ...sleeping, name: `before-${round}` });
    return {
      t,
      actions: [
        [() => container.remove(), done],
        [() => other.containers.rename(container.id, `after-${round}`), [...done, 'ERR_CONTAINER_NOT_FOUND']],
      ],
      after: async () => {
        for (const name of [`before-${round}`, `after-${round}`])
          await (await created({ ...sleeping, name })).remove();
      },
    };
  });
});

test.serial('volume rm with run: the run has its volume, whichever', async (t) => {
  await race(async (round) => {
    const name = `shared-${round}`;
    await ground.engine.volumes.create(name);
    const run = async () => {
      const mounts = [{ type: 'volume', name, target: '/data' }] as const;
      const { stdout } = await other.run(image, ['sh', '-c', 'echo kept >/data/file; cat /data/file'], {
        mounts,
      });
      t.is(stdout, 'kept\n');
    };
    return {
      t,
      actions: [
        [() => ground.engine.volumes.remove(name), [...done, 'ERR_VOLUME_IN_USE']],
        [run, done],
      ],
    };
  });
});

test.serial('commit with rm: the image is whole, or there is none', async (t) => {
  await race(async (round) => {
    const container = await running({ argv: ['sh', '-c', 'echo made >/made; exec sleep 1000'] });
    const reference = `raced-${round}:1`;
    const commit = async () => void (await (await other.containers.get(container.id)).commit({ reference }));
    return {
      t,
      actions: [
        [() => container.remove({ force: true }), done],
        [
          commit,
          [
            ...done,
            'ERR_CONTAINER_NOT_FOUND',
            'ERR_CONTAINER_STATE',
            'ERR_SYSTEM',
            'ERR_PATH_NOT_FOUND',
            'ERR_CGROUP_FAILED',
          ],
        ],
      ],
      after: async ([, committed]) => {
        if (committed !== 'done') return;
        t.deepEqual((await ground.engine.images.scrub()).problems, []);
        await ground.engine.images.remove(reference);
      },
    };
  });
});

test.serial('pause with stop: it is stopped', async (t) => {
  await race(async () => {
    const container = await running();
    return {
      t,
      actions: [
        [() => container.stop({ timeout: 0 }), done],
        [() => other.containers.pause(container.id), [...done, 'ERR_CONTAINER_STATE', 'ERR_CGROUP_FAILED']],
      ],
      after: async () => t.is(await statusOf(container), 'exited'),
    };
  });
});

test.serial(
  'update with the end: it has ended, and its record has the limit or had it refused',
  async (t) => {
    await race(async () => {
      const container = await running({ argv: ['sleep', '0.01'] });
      return {
        t,
        actions: [
          [() => container.wait(), done],
          [
            () => other.containers.update(container.id, { limits: { pids: 50 } }),
            [...done, 'ERR_CGROUP_FAILED', 'ERR_SYSTEM'],
          ],
        ],
        after: async ([, updated]) => {
          const { limits, state } = await ground.engine.containers.inspect(container.id);
          t.is(state.status, 'exited');
          if (updated === 'done') t.is(limits.pids, 50);
        },
      };
    });
  },
);

test.serial(
  'two programs on one root: each sees what it has made, and neither disturbs the other',
  async (t) => {
    t.timeout(120_000);
    let scenario: ContainerScenario | undefined;
    try {
      scenario = await openContainerScenario();
      const { engine } = scenario;
      for (let round = 0; round < Math.ceil(rounds / 4); round++) {
        await scenario.prepare('run');
        const verbs = ['run', 'life', 'run', 'volume-create', 'life'] as const;
        const ended = await Promise.all(verbs.map((verb) => scenario!.run(verb)));
        t.deepEqual(
          ended.map(({ code, stderr }) => `${code} ${stderr}`.trim()),
          verbs.map(() => '0'),
        );
        t.deepEqual((await engine.system.check()).findings, []);
        t.deepEqual(await engine.containers.list({ all: true }), []);
      }
    } finally {
      await scenario?.[Symbol.asyncDispose]();
    }
  },
);
