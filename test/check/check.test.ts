import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type CheckReport, type Engine, type FindingCode, isEngineError } from '../../lib/engine/index.ts';
import { type AttackGround, openAttackGround } from '../fixtures/attack.ts';
import { watchLeaks } from '../fixtures/leaks.ts';
import { damages, type Ground } from './damage.ts';

const nothing = { findings: [], repairs: [] };
const codes = ({ findings }: CheckReport): FindingCode[] => findings.map(({ code }) => code).sort();

/** With an image, a stopped container that has a name and a volume, and one that runs. */
async function openGround(): Promise<Ground & AttackGround> {
  const ground = await openAttackGround();
  const { engine } = ground;
  const image = await ground.serveAboveBusybox({
    layers: [{ entries: [{ path: 'more', content: 'more' }] }],
  });
  const mounts = [{ type: 'volume', name: 'data', target: '/data' }] as const;
  const stopped = await engine.containers.create(image, { name: 'web', argv: ['true'], mounts });
  await (await stopped.start({ attach: true })).wait();
  const running = await engine.containers.create(image, { name: 'up', argv: ['sleep', '1000'] });
  await running.start();
  return {
    ...ground,
    image,
    stopped: stopped.id,
    running: running.id,
    [Symbol.asyncDispose]: async () => {
      for (const { id } of await engine.containers.list({ all: true }))
        await engine.containers.remove(id, { force: true });
      await ground[Symbol.asyncDispose]();
    },
  };
}

test.serial('a root in order has no finding, and the check counts what it has looked at', async (t) => {
  await using ground = await openGround();
  const { checked, ...report } = await ground.engine.system.check();
  t.deepEqual(report, nothing);
  t.like(checked, { containers: 2, images: 1, layers: 2, volumes: 1 });
  t.true(checked.blobs >= 2);
});

for (const { name, make, finds, remedy } of damages) {
  test.serial(`${name}: found, and repaired`, async (t) => {
    await using ground = await openGround();
    const { system } = ground.engine;
    await make(ground);
    const found = await system.check();
    t.deepEqual(codes(found), [...finds].sort());
    for (const finding of found.findings) t.true(finding.what.length > 0 && finding.remedy.length > 0);
    t.deepEqual((await system.check()).findings, found.findings, 'to look changes nothing');
    const { repairs } = await system.check({ repair: true });
    if (remedy) await remedy(ground);
    else
      t.deepEqual(
        repairs.filter(({ repaired }) => !repaired),
        [],
      );
    t.deepEqual((await system.check()).findings, []);
    await stillWorks(t, ground);
  });
}

/** Who was running still is, and the rest can be used. */
async function stillWorks(t: ExecutionContext, { engine, image, running }: Ground): Promise<void> {
  t.is((await engine.containers.inspect(running)).state.status, 'running');
  t.is((await engine.run(image, ['cat', '/more'])).stdout, 'more');
}

test.serial(
  'what cannot be read is put aside with its files, and frees its name, cgroup and run files',
  async (t) => {
    await using ground = await openGround();
    const { engine, stopped, image } = ground;
    const folder = join(engine.root, 'containers', stopped);
    writeFileSync(join(folder, 'upper/written'), 'precious');
    writeFileSync(join(folder, 'record.json'), 'x');
    mkdirSync(`/sys/fs/cgroup/pids/strake/${stopped}`, { recursive: true });
    const { repairs } = await engine.system.check({ repair: true });
    const { place = '' } = repairs.find(({ code }) => code === 'CONTAINER_RECORD_CORRUPT') ?? {};
    t.true(place.startsWith(join(engine.root, 'lost+found', stopped)));
    t.is(readFileSync(join(place, 'upper/written'), 'utf8'), 'precious');
    t.false(existsSync(`/sys/fs/cgroup/pids/strake/${stopped}`));
    t.false(existsSync(join(engine.runDir, 'containers', stopped)));
    await (await engine.containers.create(image, { name: 'web', argv: ['true'] })).remove();
  },
);

test.serial('a container that runs and whose record cannot be read is left to a person', async (t) => {
  await using ground = await openGround();
  const { engine, running } = ground;
  const record = join(engine.root, 'containers', running, 'record.json');
  const text = readFileSync(record);
  writeFileSync(record, 'x');
  const { repairs } = await engine.system.check({ repair: true });
  t.like(repairs[0], { code: 'CONTAINER_RECORD_CORRUPT', repaired: false });
  t.regex(repairs[0]?.failure ?? '', /^its task is running: end it \(kill -9 \d+\)/);
  writeFileSync(record, text);
  t.deepEqual((await engine.system.check()).findings, []);
});

test.serial(
  'a container whose monitor was killed is found, and left as it was until it is repaired',
  async (t) => {
    await using ground = await openGround();
    const { engine, running } = ground;
    const state = join(engine.runDir, 'containers', running, 'state.json');
    process.kill(JSON.parse(readFileSync(state, 'utf8')).monitorPid, 'SIGKILL');
    const report = await engine.system.check();
    t.true(codes(report).includes('CONTAINER_LOST'), JSON.stringify(report.findings));
    t.true(existsSync(state));
    await engine.system.check({ repair: true });
    t.deepEqual((await engine.system.check()).findings, []);
    t.is((await engine.containers.inspect(running)).state.status, 'exited');
  },
);

test.serial(
  'a root in full use has no finding: created, run, committed, renamed, removed at every moment',
  async (t) => {
    await using ground = await openGround();
    const { engine, image } = ground;
    await using _ = await watchLeaks(t, engine);
    const end = Date.now() + 6000;
    const isOver = () => Date.now() > end;
    await Promise.all([
      ...[0, 1].map(() => repeatedly(isOver, () => runAndRemove(engine, image))),
      repeatedly(isOver, () => engine.run(image, ['true'])),
      repeatedly(isOver, () => useVolume(engine)),
      repeatedly(isOver, () => commitAndRemove(ground)),
      repeatedly(isOver, async () => t.deepEqual((await engine.system.check()).findings, [])),
    ]);
    t.deepEqual((await engine.system.check()).findings, []);
  },
);

async function repeatedly(isOver: () => boolean, action: () => PromiseLike<unknown>): Promise<void> {
  while (!isOver()) await action();
}

let count = 0;

async function runAndRemove(engine: Engine, image: string): Promise<void> {
  const name = `busy-${count++}`;
  const mounts = [{ type: 'volume', target: '/data' }] as const;
  const container = await engine.containers.create(image, { name, argv: ['sleep', '100'], mounts });
  await container.start();
  await container.rename(`${name}-renamed`);
  await container.stop({ timeout: 0 });
  await container.remove({ volumes: true });
}

async function useVolume({ volumes }: Engine): Promise<void> {
  const { name } = await volumes.create(`volume-${count++}`);
  await volumes.remove(name);
}

async function commitAndRemove({ engine, stopped }: Ground): Promise<void> {
  const reference = `made-${count++}:1`;
  await engine.containers.commit(stopped, { reference });
  await engine.images.remove(reference);
}

test.serial('a check can be given up', async (t) => {
  await using ground = await openAttackGround();
  const error = await t.throwsAsync(() => ground.engine.system.check({ signal: AbortSignal.abort() }));
  t.true(isEngineError(error, 'ERR_ABORTED'));
});
