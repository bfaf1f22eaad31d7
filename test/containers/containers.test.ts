import { spawn } from 'node:child_process';
import {
  chmod,
  chown,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  symlink,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest, { type TestFn } from 'ava';
import { processStartTime } from '../../bindings/runtime.ts';
import { openEngine } from '../../lib/engine/index.ts';
import { type EngineFixture, openEngineFixture } from './engine-fixture.ts';

const test = anyTest as TestFn<EngineFixture>;

test.before(async (t) => {
  t.context = await openEngineFixture();
});
test.after.always((t) => t.context[Symbol.asyncDispose]());
test.afterEach.always(async (t) => {
  t.deepEqual(await t.context.leftovers(), []);
});

test.serial('a started container is gone with its scope', async (t) => {
  const { engine, image } = t.context;
  {
    const created = await engine.containers.create(image, { argv: ['sleep', '100'], autoRemove: true });
    await using container = await created.start();
    t.like((await container.inspect()).state, { status: 'running', pid: container.pid });
    t.is((await container.run(['echo', 'hi'])).stdout, 'hi\n');
  }
  t.deepEqual(await engine.containers.list({ all: true }), []);
});

test.serial('attached stdio is two ways, and ends with the status', async (t) => {
  const { engine, image } = t.context;
  const created = await engine.containers.create(image, { argv: ['cat'], stdin: true });
  await using container = await created.start({ attach: true });
  const { attachment } = container;
  attachment?.stdin.end('through');
  let text = '';
  for await (const chunk of attachment?.stdout ?? []) text += chunk;
  t.is(text, 'through');
  t.like(await attachment?.exited, { exitCode: 0 });
});

test.serial('another engine on the same root sees, attaches, executes and removes', async (t) => {
  const { engine, image } = t.context;
  const created = await engine.containers.create(image, { name: 'shared', argv: ['cat'], stdin: true });
  await created.start();
  await using other = await openEngine({ root: engine.root });
  const attachment = await other.containers.attach('shared');
  attachment.stdin.write('ping\n');
  const [chunk] = await attachment.stdout.take(1).toArray();
  t.is(String(chunk), 'ping\n');
  attachment.detach();
  await using exec = await other.containers.exec('shared', ['cat'], { stdin: true });
  exec.stdin.end('pong');
  t.is(String((await exec.stdout.toArray())[0]), 'pong');
  t.is((await exec.wait()).exitCode, 0);
  await other.containers.remove('shared', { force: true });
  await t.throwsAsync(engine.containers.get('shared'), { code: 'ERR_CONTAINER_NOT_FOUND' });
});

test.serial('wait is told of the end, waits for the start, and can be aborted', async (t) => {
  const { engine, image } = t.context;
  const container = await engine.containers.create(image, { argv: ['sh', '-c', 'sleep 0.2; exit 9'] });
  const waiting = container.wait();
  await t.throwsAsync(container.wait({ signal: AbortSignal.timeout(50) }), { code: 'ERR_ABORTED' });
  await container.start();
  t.like(await waiting, { exitCode: 9 });
  t.like(await container.wait(), { exitCode: 9 });
  const next = container.wait({ condition: 'next-exit' });
  await container.start();
  t.like(await next, { exitCode: 9 });
  const gone = container.wait({ condition: 'removed' });
  await container.wait();
  await container.remove();
  t.like(await gone, { exitCode: 9 });
});

test.serial('stop sends the stop signal, waits, and kills', async (t) => {
  const { engine, image } = t.context;
  const polite = await engine.containers.create(image, {
    argv: ['sh', '-c', 'trap "exit 5" USR1; while :; do sleep 0.02; done'],
    stopSignal: 'USR1',
  });
  await polite.start();
  await sleep(100);
  await polite.stop();
  t.like((await polite.inspect()).state, { status: 'exited', exitCode: 5 });
  const deaf = await engine.containers.create(image, { argv: ['sleep', '100'] });
  await deaf.start();
  await deaf.stop({ timeout: 0 });
  t.like((await deaf.inspect()).state, { status: 'exited', exitCode: 137, signal: 'SIGKILL' });
  await t.throwsAsync(deaf.stop(), { code: 'ERR_CONTAINER_STATE' });
  await Promise.all([polite.remove(), deaf.remove()]);
});

test.serial('a stop that waits for months does not kill at once', async (t) => {
  const { engine, image } = t.context;
  const command = "trap 'sleep 0.3; exit 5' TERM; echo up; while :; do sleep 0.05; done";
  const created = await engine.containers.create(image, { argv: ['sh', '-c', command] });
  await using container = await created.start({ attach: true });
  await container.attachment?.stdout.take(1).toArray();
  await container.stop({ timeout: 3_000_000 });
  t.like((await container.inspect()).state, { status: 'exited', exitCode: 5 });
  await t.throwsAsync(container.stop({ timeout: Number.NaN }), { code: 'ERR_CONTAINER_OPTION_INVALID' });
});

test.serial('no name is the name of no container', async (t) => {
  await t.throwsAsync(t.context.engine.containers.get(''), { code: 'ERR_CONTAINER_NOT_FOUND' });
});

test.serial('a paused container stands still, and can be killed', async (t) => {
  const { engine, image } = t.context;
  const container = await engine.containers.create(image, {
    argv: ['sh', '-c', 'while :; do echo x; sleep 0.01; done'],
  });
  await container.start();
  await sleep(100);
  await container.pause();
  const count = async () => (await collect(container.logs())).length;
  const before = await count();
  await sleep(100);
  t.is(await count(), before);
  await container.kill();
  t.like(await container.wait(), { exitCode: 137 });
  await container.remove();
});

test.serial('logs are read while it runs and after, by stream and by tail', async (t) => {
  const { engine, image } = t.context;
  const container = await engine.containers.create(image, {
    argv: ['sh', '-c', 'echo a; echo b >&2; sleep 0.1; echo c'],
  });
  await container.start();
  t.deepEqual((await collect(container.logs({ follow: true }))).sort(), [
    'stderr b\n',
    'stdout a\n',
    'stdout c\n',
  ]);
  t.deepEqual(await collect(container.logs({ tail: 1 })), ['stdout c\n']);
  t.deepEqual(await collect(container.logs({ stdout: false })), ['stderr b\n']);
  await container.remove();
});

test.serial('named volumes stay, anonymous ones go when asked', async (t) => {
  const { engine, image } = t.context;
  const container = await engine.containers.create(image, {
    argv: ['touch', '/a/x', '/b/x'],
    mounts: [
      { type: 'volume', name: 'kept', target: '/a' },
      { type: 'volume', target: '/b' },
    ],
  });
  await container.start();
  await container.wait();
  t.is((await readdir(`${engine.root}/volumes`)).length, 2);
  await container.remove({ volumes: true });
  t.deepEqual(await readdir(`${engine.root}/volumes`), ['kept']);
  t.deepEqual(await readdir(`${engine.root}/volumes/kept/_data`), ['x']);
  await rm(`${engine.root}/volumes/kept`, { recursive: true });
});

test.serial('a run whose process died before the start is healed away', async (t) => {
  const { engine, image } = t.context;
  const dead = spawn('true');
  await new Promise((resolve) => dead.on('exit', resolve));
  const container = await engine.containers.create(image, { argv: ['true'], autoRemove: true });
  const path = `${engine.root}/containers/${container.id}/record.json`;
  const record = JSON.parse(await readFile(path, 'utf8'));
  await writeFile(path, JSON.stringify({ ...record, owner: { pid: dead.pid, startTime: '1' } }));
  t.deepEqual(await engine.containers.list({ all: true }), []);
});

test.serial('what a removal left in the middle is swept', async (t) => {
  const { engine, image } = t.context;
  const container = await engine.containers.create(image, { argv: ['true'] });
  const folder = `${engine.root}/containers`;
  await rename(`${folder}/${container.id}`, `${folder}/.removed-${container.id}`);
  t.deepEqual(await engine.containers.list({ all: true }), []);
});

test.serial(
  'what a dead process left half made is swept at once, and what a living one makes is not',
  async (t) => {
    const { engine, image } = t.context;
    const named = await engine.containers.create(image, { name: 'whole', argv: ['true'] });
    const folder = `${engine.root}/containers`;
    const living = `${folder}/.new-${'a'.repeat(64)}-${process.pid}-${processStartTime(process.pid)}`;
    const dead = [
      `${folder}/.new-${'b'.repeat(64)}-${process.pid}-1`,
      `${folder}/${'c'.repeat(64)}`,
      `${engine.runDir}/containers/${'d'.repeat(64)}`,
    ];
    for (const path of [living, ...dead]) await mkdir(`${path}/upper`, { recursive: true });
    for (const entry of [`.record-${named.id}`, `.record-${named.id}.Xx1234`])
      await writeFile(`${folder}/${entry}`, '{}');
    await symlink('e'.repeat(64), `${engine.root}/names/stale`);
    t.deepEqual(
      (await engine.containers.list({ all: true })).map(({ id }) => id),
      [named.id],
    );
    await named.remove();
    t.deepEqual(await t.context.leftovers(), [living.slice(engine.root.length + 1)]);
    await rm(living, { recursive: true });
  },
);

test.serial(
  'a removal that was cut short takes the anonymous volumes along, and frees the name',
  async (t) => {
    const { engine, image } = t.context;
    const mounts = [{ type: 'volume', target: '/data' }] as const;
    const container = await engine.containers.create(image, { name: 'cut', argv: ['true'], mounts });
    const folder = `${engine.root}/containers`;
    await rename(`${folder}/${container.id}`, `${folder}/.removed-volumes-${container.id}`);
    t.deepEqual(await engine.containers.list({ all: true }), []);
    t.deepEqual(await t.context.leftovers(), []);
  },
);

test.serial(
  'a record that a power loss left without content is no container, and disturbs none',
  async (t) => {
    const { engine, image } = t.context;
    const container = await engine.containers.create(image, { argv: ['true'] });
    for (const content of ['', '\0'.repeat(100)]) {
      const torn = `${engine.root}/containers/${'d'.repeat(64)}`;
      await mkdir(torn);
      await writeFile(`${torn}/record.json`, content);
      await utimes(torn, 1, 1);
      t.deepEqual(
        (await engine.containers.list({ all: true })).map(({ id }) => id),
        [container.id],
      );
      t.deepEqual(await t.context.leftovers(), [`containers/${container.id}`]);
    }
    await container.remove();
  },
);

test.serial('an ambiguous beginning of an id is refused', async (t) => {
  const { engine, image } = t.context;
  const made = await Promise.all(
    Array.from({ length: 17 }, () => engine.containers.create(image, { argv: ['true'] })),
  );
  const digits = made.map(({ id }) => id[0]);
  const twice = digits.find((digit, index) => digits.indexOf(digit) !== index) ?? '';
  await t.throwsAsync(engine.containers.get(twice), { code: 'ERR_CONTAINER_AMBIGUOUS' });
  await Promise.all(made.map((container) => container.remove()));
});

async function collect(entries: AsyncIterable<{ stream: string; text: string }>): Promise<string[]> {
  const found: string[] = [];
  for await (const { stream, text } of entries) found.push(`${stream} ${text}`);
  return found;
}

test.serial(
  'a new volume starts with what the image has at its place, and is left alone afterwards',
  async (t) => {
    const { engine, image, directory } = t.context;
    const place = `${directory}/busybox/data`;
    await mkdir(`${place}/sub`, { recursive: true });
    await writeFile(`${place}/sub/file`, 'from the image', { mode: 0o640 });
    await chown(place, 70, 70);
    await chmod(place, 0o700);
    const mounts = [{ type: 'volume', name: 'seeded', target: '/data' }] as const;
    const look = ['sh', '-c', 'cat /data/sub/file; ls -ldn /data; echo changed > /data/sub/file'];
    t.regex((await engine.run(image, look, { mounts })).stdout, /^from the imagedrwx------ +\d+ 70 +70 /);
    t.regex((await engine.run(image, look, { mounts })).stdout, /^changed\n/);
    t.is(await readFile(`${place}/sub/file`, 'utf8'), 'from the image');
    const bare = [{ type: 'volume', name: 'bare', target: '/data', copy: false }] as const;
    t.is((await engine.run(image, ['ls', '/data'], { mounts: bare })).stdout, '');
    await rm(`${engine.root}/volumes`, { recursive: true });
  },
);
