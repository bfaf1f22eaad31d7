import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type { ExecutionContext, TestFn } from 'ava';
import type Docker from 'dockerode';
import type { ApiDaemon } from '../fixtures/api-daemon.ts';
import { demuxed, dockerodeAt, jsonLines, refusal } from '../fixtures/dockerode.ts';
import { tarOf } from '../fixtures/tar.ts';

const megabyte = 'x'.repeat(1 << 20);

/** What dockerode and what is built on it rely on, held for every server of the API that has the image busybox. */
export function dockerodeContract(test: TestFn, daemon: () => ApiDaemon): void {
  const fact = (title: string, body: (t: ExecutionContext, docker: Docker) => Promise<void>): void => {
    test.serial(title, async (t) => {
      t.timeout(60_000);
      const docker = dockerodeAt(daemon());
      try {
        await body(t, docker);
      } finally {
        const left = await docker.listContainers({ all: true });
        await Promise.all(left.map(({ Id }) => docker.getContainer(Id).remove({ force: true, v: true })));
      }
    });
  };

  fact('attached before its start, a container gives both outputs whole', async (t, docker) => {
    const script = 'echo out; echo err >&2; head -c 1048576 /dev/zero | tr "\\0" x; exit 3';
    const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sh', '-c', script] });
    const stream = await container.attach({ stream: true, stdout: true, stderr: true });
    const [outputs, , ended] = await Promise.all([
      demuxed(docker, stream),
      container.start(),
      container.wait(),
    ]);
    t.is(outputs.stdout.length, megabyte.length + 4);
    t.is(outputs.stderr, 'err\n');
    t.is(ended.StatusCode, 3);
  });

  fact('the input ends where the client ends it', async (t, docker) => {
    const options = { Image: 'busybox', Cmd: ['cat'], OpenStdin: true, StdinOnce: true };
    const container = await docker.createContainer(options);
    const stream = await container.attach({
      stream: true,
      stdin: true,
      stdout: true,
      stderr: true,
      hijack: true,
    });
    await container.start();
    const outputs = demuxed(docker, stream);
    stream.write(megabyte);
    stream.end('the end');
    t.true((await outputs).stdout === `${megabyte}the end`);
    t.is((await container.wait()).StatusCode, 0);
  });

  fact('run copies the output to a stream and answers how it ended', async (t, docker) => {
    const lines: string[] = [];
    const output = new PassThrough().on('data', (chunk) => lines.push(String(chunk)));
    const [ended] = (await docker.run('busybox', ['sh', '-c', 'tty; exit 2'], output)) as [
      { StatusCode: number },
    ];
    t.is(ended.StatusCode, 2);
    t.is(lines.join(''), '/dev/pts/0\r\n');
  });

  fact('a wait before the start sees the end, or the removal', async (t, docker) => {
    const container = await docker.createContainer({
      Image: 'busybox',
      Cmd: ['sh', '-c', 'exit 4'],
      HostConfig: { AutoRemove: true },
    });
    const waits = (['next-exit', 'removed'] as const).map((condition) => container.wait({ condition }));
    await container.start();
    t.deepEqual(
      (await Promise.all(waits)).map(({ StatusCode }) => StatusCode),
      [4, 4],
    );
    t.is((await refusal(container.inspect())).status, 404);
  });

  fact('an exec has its input to the end', async (t, docker) => {
    const container = await running(docker);
    const script = 'cat; echo err >&2; exit 7';
    const attached = { AttachStdin: true, AttachStdout: true, AttachStderr: true };
    const exec = await container.exec({ Cmd: ['sh', '-c', script], ...attached });
    const stream = await exec.start({ hijack: true, stdin: true });
    const outputs = demuxed(docker, stream);
    stream.write(megabyte);
    stream.end('the end');
    const { stdout, stderr } = await outputs;
    t.true(stdout === `${megabyte}the end`);
    t.is(stderr, 'err\n');
    const { ExitCode, Running, ContainerID } = await exec.inspect();
    t.deepEqual(
      { ExitCode, Running, ContainerID },
      { ExitCode: 7, Running: false, ContainerID: container.id },
    );
  });

  fact('an exec whose input stays open ends all the same', async (t, docker) => {
    const container = await running(docker);
    const exec = await container.exec({ Cmd: ['echo', 'over'], AttachStdout: true, AttachStderr: true });
    const stream = await exec.start({ stdin: true, Detach: false, Tty: false });
    t.is((await demuxed(docker, stream)).stdout, 'over\n');
    t.is((await exec.inspect()).ExitCode, 0);
  });

  fact("an exec's terminal is resized", async (t, docker) => {
    const container = await running(docker);
    const script =
      'for i in $(seq 100); do [ "$(stty size 2>&1)" = "33 77" ] && break; sleep 0.1; done; stty size';
    const exec = await container.exec({
      Cmd: ['sh', '-c', script],
      AttachStdout: true,
      AttachStdin: true,
      Tty: true,
    });
    const stream = await exec.start({ hijack: true, stdin: true, Tty: true });
    const output = buffer(stream);
    await exec.resize({ h: 33, w: 77 });
    t.is(String(await output), '33 77\r\n');
  });

  fact('logs are replayed, followed to the end of the container, and cut to a tail', async (t, docker) => {
    const script = 'echo one; echo two >&2; sleep 0.5; echo three';
    const container = await docker.createContainer({ Image: 'busybox', Cmd: ['sh', '-c', script] });
    await container.start();
    const all = { stdout: true, stderr: true } as const;
    const whole = { stdout: 'one\nthree\n', stderr: 'two\n' };
    t.deepEqual(await demuxed(docker, await container.logs({ ...all, follow: true })), whole);
    const everything = { ...all, follow: true, tail: -1, since: 0 } as const;
    t.deepEqual(await demuxed(docker, await container.logs(everything)), whole);
    t.deepEqual(await framed(docker, await container.logs({ ...all, tail: 1 })), {
      stdout: 'three\n',
      stderr: '',
    });
    t.deepEqual(await framed(docker, await container.logs({ stderr: true })), {
      stdout: '',
      stderr: 'two\n',
    });
    const { stdout } = await framed(
      docker,
      await container.logs({ stdout: true, timestamps: true, tail: 1 }),
    );
    t.regex(stdout, /^\d{4}-\d\d-\d\dT[\d:.]+Z three\n$/);
    t.is((await refusal(container.logs({ follow: false }))).status, 400);
  });

  fact('files are put into a container and got out of it, running or not', async (t, docker) => {
    const container = await docker.createContainer({ Image: 'busybox', Cmd: ['cat', '/tmp/in/file'] });
    const archive = tarOf([{ path: 'in/' }, { path: 'in/file', content: 'content' }]);
    await container.putArchive(archive, { path: '/tmp' });
    const stat = await container.infoArchive({ path: '/tmp/in/file' });
    const header = (stat as unknown as { headers: Record<string, string> }).headers[
      'x-docker-container-path-stat'
    ];
    const { name, size } = JSON.parse(Buffer.from(String(header), 'base64').toString()) as {
      name: string;
      size: number;
    };
    t.deepEqual({ name, size }, { name: 'file', size: 7 });
    const tar = await buffer(await container.getArchive({ path: '/tmp/in' }));
    t.true(tar.includes('in/file') && tar.includes('content'));
    t.is((await refusal(container.getArchive({ path: '/absent' }))).status, 404);
    t.is((await refusal(container.putArchive(archive, { path: '/absent' }))).status, 404);
    const stream = await container.attach({ stream: true, stdout: true });
    await container.start();
    t.is((await demuxed(docker, stream)).stdout, 'content');
  });

  fact('events tell of each step in its order, and of nothing that was not asked for', async (t, docker) => {
    const filters = { type: ['container'], label: ['told=yes'] };
    const stream = await docker.getEvents({ filters: JSON.stringify(filters) as never });
    const told: string[] = [];
    const reading = (async () => {
      for await (const { Action, Type, status, id, timeNano } of jsonLines(stream)) {
        t.is(Type, 'container');
        t.true(typeof timeNano === 'number' && status === Action && typeof id === 'string');
        told.push(String(Action));
        if (Action === 'destroy') break;
      }
    })();
    for (const Labels of [{ told: 'no' }, { told: 'yes' }]) {
      const container = await docker.createContainer({ Image: 'busybox', Cmd: ['true'], Labels });
      await container.start();
      await container.wait();
      await container.remove();
    }
    await reading;
    t.deepEqual(told, ['create', 'start', 'die', 'destroy']);
  });

  fact('what is refused is refused with the status that clients act on', async (t, docker) => {
    const missing = docker.getContainer('missing');
    t.deepEqual(await refusal(missing.inspect()), { status: 404, message: 'No such container: missing' });
    t.deepEqual(await refusal(docker.createContainer({ Image: 'no/such:image' })), {
      status: 404,
      message: 'No such image: no/such:image',
    });
    t.regex((await refusal(docker.getImage('no/such:image').inspect())).message, /no such image/i);
    const container = await running(docker, { name: 'taken' });
    t.is((await refusal(container.start())).status, 304);
    t.is((await refusal(docker.createContainer({ Image: 'busybox', name: 'taken' }))).status, 409);
    t.is((await refusal(container.remove())).status, 409);
    t.true([409, 500].includes((await refusal(container.unpause())).status)); // dockerd 20.10: 500
    await container.kill();
    await container.wait();
    t.is((await refusal(container.stop())).status, 304);
    t.is((await refusal(container.kill())).status, 409);
    t.is((await refusal(container.exec({ Cmd: ['true'] }))).status, 409);
    t.is((await refusal(docker.getNetwork('missing').inspect())).status, 404);
    t.is((await refusal(docker.getVolume('missing').inspect())).status, 404);
    t.is((await refusal(docker.getExec('missing').inspect())).status, 404);
    t.is((await refusal(docker.createContainer({ Image: 'busybox', name: '/' }))).status, 400);
  });

  fact('the list has what testcontainers and compose read', async (t, docker) => {
    const container = await running(docker, {
      name: 'listed',
      Labels: { a: 'b' },
      ExposedPorts: { '80/tcp': {} },
      HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '0' }] } },
    });
    const [listed] = await docker.listContainers({ filters: JSON.stringify({ label: ['a=b'] }) });
    const { Id, Names, Image, State, Labels, Command } = listed!;
    t.deepEqual(
      { Id, Names, Image, State, Labels, Command },
      {
        Id: container.id,
        Names: ['/listed'],
        Image: 'busybox',
        State: 'running',
        Labels: { a: 'b' },
        Command: 'sleep 1000',
      },
    );
    t.true(
      listed!.Ports.some(
        ({ PrivatePort, PublicPort, Type }) => PrivatePort === 80 && PublicPort > 0 && Type === 'tcp',
      ),
    );
    const { NetworkSettings, State: state, Created } = await container.inspect();
    t.regex(NetworkSettings.Ports['80/tcp']?.[0]?.HostPort ?? '', /^\d+$/);
    t.true(state.Running && state.Pid > 0);
    t.true(Math.abs(Date.parse(Created) / 1000 - listed!.Created) < 2);
  });

  fact('stats come once, or once a second', async (t, docker) => {
    const container = await running(docker);
    const once = await container.stats({ stream: false });
    t.true(
      once.memory_stats.usage > 0 &&
        once.cpu_stats.cpu_usage.total_usage > 0 &&
        once.precpu_stats !== undefined,
    );
    const stream = await container.stats({ stream: true });
    let seen = 0;
    for await (const { name } of jsonLines(stream)) {
      t.is(name, (await container.inspect()).Name);
      if (++seen === 2) break;
    }
    await container.kill();
  });

  fact('on a network of its own a container is known by its alias', async (t, docker) => {
    const network = await docker.createNetwork({ Name: 'own', CheckDuplicate: true });
    try {
      const server = await running(docker);
      await network.connect({ Container: server.id, EndpointConfig: { Aliases: ['alias'] } });
      const { Containers } = (await network.inspect()) as { Containers: Record<string, unknown> };
      t.deepEqual(Object.keys(Containers), [server.id]);
      const client = await docker.createContainer({
        Image: 'busybox',
        Cmd: ['nslookup', 'alias'],
        HostConfig: { NetworkMode: 'own' },
      });
      const stream = await client.attach({ stream: true, stdout: true, stderr: true });
      await client.start();
      const { stdout } = await demuxed(docker, stream);
      t.true(stdout.includes((await server.inspect()).NetworkSettings.Networks.own!.IPAddress));
      await Promise.all([server.remove({ force: true }), client.remove({ force: true })]);
    } finally {
      await network.remove({ force: true });
    }
  });

  fact('volumes and images are listed, looked at and removed', async (t, docker) => {
    await docker.createVolume({ Name: 'kept', Labels: { a: 'b' } });
    t.deepEqual((await docker.getVolume('kept').inspect()).Labels, { a: 'b' });
    const { Volumes } = await docker.listVolumes({ filters: JSON.stringify({ label: ['a=b'] }) as never });
    t.deepEqual(
      Volumes.map(({ Name }) => Name),
      ['kept'],
    );
    await docker.getVolume('kept').remove();
    await docker.getImage('busybox').tag({ repo: 'other', tag: 'one' });
    const images = await docker.listImages({ filters: JSON.stringify({ reference: ['other:one'] }) });
    t.is(images.length, 1);
    const { Id, RootFS, Config } = await docker.getImage('other:one').inspect();
    t.deepEqual([images[0]!.Id, RootFS.Layers?.length, Config.Cmd], [Id, 1, ['sh']]);
    t.deepEqual(await docker.getImage('other:one').remove(), [{ Untagged: 'other:one' }]);
  });

  fact('a client that goes away leaves the container as it is', async (t, docker) => {
    const container = await docker.createContainer({
      Image: 'busybox',
      Cmd: ['sh', '-c', 'while :; do echo tick; sleep 0.1; done'],
      OpenStdin: true,
    });
    const stream = await container.attach({ stream: true, stdin: true, stdout: true, hijack: true });
    await container.start();
    await once(stream, 'data');
    (stream as unknown as Readable).destroy();
    t.true((await container.inspect()).State.Running);
  });
}

/** The buffer of logs that are not followed. */
async function framed(docker: Docker, logs: Buffer): Promise<{ stdout: string; stderr: string }> {
  const stream = new PassThrough();
  stream.end(logs);
  return demuxed(docker, stream);
}

async function running(docker: Docker, more: Docker.ContainerCreateOptions = {}): Promise<Docker.Container> {
  const HostConfig = { Init: false, ...more.HostConfig };
  const container = await docker.createContainer({
    Image: 'busybox',
    Cmd: ['sleep', '1000'],
    StopTimeout: 0,
    ...more,
    HostConfig,
  });
  await container.start();
  return container;
}
