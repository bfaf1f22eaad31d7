import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import type Docker from 'dockerode';
import { dockerCommand, type StrakeApi, startStrakeApi } from '../fixtures/api-daemon.ts';
import { demuxed, dockerodeAt, jsonLines, refusal } from '../fixtures/dockerode.ts';
import { canRun } from '../fixtures/oci-engines.ts';

if (await canRun(dockerCommand, 'skopeo')) defineTests();
else test.skip('strake serve may die, and has patience', () => {});

function defineTests(): void {
  let daemon: StrakeApi;

  test.before(async () => {
    daemon = await startStrakeApi();
  });

  test.after.always(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  test.serial(
    'no container notices that the server is killed, and another server knows them all',
    async (t) => {
      const docker = dockerodeAt(daemon);
      const counts = await started(docker, 'i=0; while :; do i=$((i+1)); echo $i; sleep 0.05; done');
      const restarts = await started(docker, 'sleep 0.3; exit 1', { RestartPolicy: { Name: 'always' } });
      const goes = await started(docker, 'sleep 1', { AutoRemove: true });
      const { Pid } = (await counts.inspect()).State;
      const stream = await counts.logs({ follow: true, stdout: true });
      stream.on('error', () => {});
      await daemon.kill();
      await delay(1500); // nobody serves; what is to happen meanwhile is not the server's
      await daemon.serve();
      t.is((await counts.inspect()).State.Pid, Pid);
      t.true((await restarts.inspect()).RestartCount > 0);
      await gone(docker, goes.id);
      const before = await lastLine(counts);
      t.true(before > 20, `${before} lines`);
      while ((await lastLine(counts)) <= before) await delay(50);
      const waiting = counts.wait();
      await counts.kill();
      t.is((await waiting).StatusCode, 137);
      await Promise.all([counts.remove(), restarts.remove({ force: true })]);
    },
  );

  test.serial('a server that is killed while it creates and removes leaves nothing half made', async (t) => {
    const docker = dockerodeAt(daemon);
    for (let round = 0; round < 3; round++) {
      const calls = Array.from({ length: 6 }, async () => {
        const container = await started(docker, 'sleep 1000');
        await container.remove({ force: true });
      });
      const settled = Promise.allSettled(calls);
      await delay(40 * round);
      await daemon.kill();
      await settled;
      await daemon.serve();
      const left = await docker.listContainers({ all: true });
      await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true })));
      t.deepEqual(await docker.listContainers({ all: true }), []);
    }
  });

  test.serial('clients that do not read cost the server no memory, and the others no time', async (t) => {
    const docker = dockerodeAt(daemon);
    const before = await memory(daemon);
    const chatty = await docker.createContainer({
      Image: 'busybox',
      Cmd: ['sh', '-c', 'head -c 60000000 /dev/zero | tr "\\0" x | fold -w 1000; sleep 1000'],
    });
    const attached = await chatty.attach({ stream: true, stdout: true });
    attached.pause();
    await chatty.start();
    const followers = await Promise.all(
      Array.from({ length: 10 }, () => chatty.logs({ follow: true, stdout: true, tail: 'all' as never })),
    );
    for (const follower of followers) follower.pause();
    const exec = await chatty.exec({ Cmd: ['head', '-c', '60000000', '/dev/zero'], AttachStdout: true });
    const unread = await exec.start({ hijack: true });
    unread.pause();
    for (let round = 0; round < 20; round++) {
      await docker.ping();
      await delay(100);
    }
    const grown = (await memory(daemon)) - before;
    t.true(grown < 100_000, `${grown} KiB for twelve readers that do not read`);
    for (const stream of [attached, unread, ...followers])
      (stream as unknown as { destroy(): void }).destroy();
    await chatty.remove({ force: true });
  });

  test.serial(
    'hundreds follow one container, each sees every line, and the server forgets them',
    async (t) => {
      t.timeout(120_000);
      const docker = dockerodeAt(daemon);
      const container = await docker.createContainer({
        Image: 'busybox',
        Cmd: ['sh', '-c', 'read go; for i in $(seq 200); do echo line $i; done'],
        OpenStdin: true,
      });
      await container.start();
      const descriptors = await openDescriptors(daemon);
      const streams = await Promise.all(
        Array.from({ length: 300 }, () => container.logs({ follow: true, stdout: true })),
      );
      const outputs = streams.map((stream) => demuxed(docker, stream));
      const input = await container.attach({ stream: true, stdin: true, hijack: true });
      input.write('go\n');
      const wanted = Array.from({ length: 200 }, (_, i) => `line ${i + 1}\n`).join('');
      for (const { stdout } of await Promise.all(outputs)) if (stdout !== wanted) t.is(stdout, wanted);
      (input as unknown as { destroy(): void }).destroy();
      for (let attempt = 0; attempt < 100; attempt++) {
        if ((await openDescriptors(daemon)) <= descriptors + 20) break;
        await delay(100);
      }
      const left = await openDescriptors(daemon);
      t.true(left <= descriptors + 20, `${left} descriptors, ${descriptors} before`);
      await container.remove({ force: true });
    },
  );

  test.serial(
    'a program that is not there fails the start each time, however busy the machine',
    async (t) => {
      const docker = dockerodeAt(daemon);
      const tried = Array.from({ length: 4 }, async () => {
        const statuses: number[] = [];
        for (let round = 0; round < 15; round++) {
          const container = await docker.createContainer({ Image: 'busybox', Cmd: ['absent'] });
          statuses.push((await refusal(container.start())).status);
          await container.remove();
        }
        return statuses;
      });
      t.deepEqual([...new Set((await Promise.all(tried)).flat())], [400]);
    },
  );

  test.serial('events miss nothing between what was and what comes', async (t) => {
    const docker = dockerodeAt(daemon);
    const since = Math.floor(Date.now() / 1000) - 1;
    const seen: string[] = [];
    const label = { moment: String(since) };
    const creating = (async () => {
      for (let i = 0; i < 40; i++)
        await docker.createContainer({ Image: 'busybox', name: `moment${i}`, Labels: label });
    })();
    await delay(100);
    const filters = JSON.stringify({ label: [`moment=${since}`], event: ['create'] });
    const stream = await docker.getEvents({ since, filters: filters as never });
    for await (const event of jsonLines(stream)) {
      seen.push((event.Actor as { Attributes: { name: string } }).Attributes.name);
      if (seen.length === 40) break;
    }
    await creating;
    t.deepEqual(
      seen,
      Array.from({ length: 40 }, (_, i) => `moment${i}`),
    );
    const made = await docker.listContainers({
      all: true,
      filters: JSON.stringify({ label: [`moment=${since}`] }),
    });
    await Promise.all(made.map(({ Id }) => docker.getContainer(Id).remove()));
  });
}

async function started(
  docker: Docker,
  script: string,
  HostConfig: Docker.HostConfig = {},
): Promise<Docker.Container> {
  const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sh', '-c', script], HostConfig });
  await container.start();
  return container;
}

async function gone(docker: Docker, id: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const listed = await docker.listContainers({ all: true });
    if (!listed.some(({ Id }) => Id === id)) return;
    await delay(100);
  }
  throw new Error(`${id} is still there`);
}

/** The last number that it has said. */
async function lastLine(container: Docker.Container): Promise<number> {
  const logs = await container.logs({ stdout: true, tail: 1 });
  return Number(logs.subarray(8).toString());
}

/** KiB that the server has resident. */
async function memory(daemon: StrakeApi): Promise<number> {
  const status = await daemon.sandbox.mustRun(['cat', `/proc/${await daemon.pid()}/status`]);
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]);
}

async function openDescriptors(daemon: StrakeApi): Promise<number> {
  return (await daemon.sandbox.mustRun(['ls', `/proc/${await daemon.pid()}/fd`])).trim().split('\n').length;
}
