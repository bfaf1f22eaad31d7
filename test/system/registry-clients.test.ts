/** Other people's clients push to this registry and pull from it, with a login and without. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { podman, removePeersGroups, startContainerd, startDocker } from '../../bench/harness/peers.ts';
import {
  AccountStore,
  hashPassword,
  openRegistry,
  type Registry,
  scrubRegistry,
} from '../../lib/registry-server/index.ts';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { openTestEngine } from '../fixtures/engine.ts';
import { mustRun, runProgram } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

/** `alice`, whose password is `wonder`, may push to team/*; nobody else may anything. */
async function openClosed(t: ExecutionContext): Promise<Registry> {
  const registry = await openRegistry({ storage: temporaryFolder(t), access: {} });
  const accounts = new AccountStore(registry.storage);
  const password = await hashPassword('wonder');
  await accounts.putUser({ name: 'alice', password, groups: [], isAdmin: false, createdAt: '' });
  await accounts.putGrant({ to: 'user:alice', scope: 'team/*', role: 'delete' });
  return registry;
}

async function bySkopeo(registry: Registry, name: string, login?: string): Promise<string> {
  const creds = login === undefined ? [] : ['--dest-creds', login];
  const { reference } = await busyboxImage();
  const target = `${registry.address}/${name}`;
  await mustRun('skopeo', [
    ...['--insecure-policy', 'copy', '-q', '--dest-tls-verify=false', ...creds],
    ...[reference, `docker://${target}`],
  ]);
  return target;
}

test.serial('skopeo pushes, lists, inspects, copies and deletes', async (t) => {
  await using registry = await openClosed(t);
  await t.throwsAsync(bySkopeo(registry, 'team/app:v1'), {
    message: /unauthorized|authentication required/i,
  });
  await t.throwsAsync(bySkopeo(registry, 'team/app:v1', 'alice:blunder'));
  await t.throwsAsync(bySkopeo(registry, 'other/app:v1', 'alice:wonder'), {
    message: /denied|unauthorized/i,
  });
  const target = await bySkopeo(registry, 'team/app:v1', 'alice:wonder');
  const creds = ['--tls-verify=false', '--creds', 'alice:wonder'];
  const tags = await mustRun('skopeo', ['list-tags', ...creds, `docker://${registry.address}/team/app`]);
  t.deepEqual(JSON.parse(tags).Tags, ['v1']);
  const { Digest } = JSON.parse(await mustRun('skopeo', ['inspect', ...creds, `docker://${target}`]));
  t.regex(Digest, /^sha256:/);
  const both = [
    '--src-tls-verify=false',
    '--dest-tls-verify=false',
    '--src-creds',
    'alice:wonder',
    '--dest-creds',
    'alice:wonder',
  ];
  const copy = `docker://${registry.address}/team/copy:v1`;
  await mustRun('skopeo', ['--insecure-policy', 'copy', '-q', ...both, `docker://${target}`, copy]);
  for (const type of ['v2s2', 'oci'])
    await mustRun('skopeo', [
      '--insecure-policy',
      'copy',
      '-q',
      '-f',
      type,
      ...both,
      copy,
      `${copy}-${type}`,
    ]);
  await mustRun('skopeo', ['delete', ...creds, `docker://${target}`]);
  t.not((await runProgram('skopeo', ['inspect', ...creds, `docker://${target}`])).code, 0);
  t.deepEqual((await scrubRegistry(registry.storage)).problems, []);
});

test.serial('podman logs in, pushes and pulls', async (t) => {
  await using registry = await openClosed(t);
  const folders = { store: temporaryFolder(t), run: temporaryFolder(t) };
  mkdirSync(join(folders.run, 'podman-tmp'));
  // Its overlay driver would leave a mount on its folder.
  const [program = '', ...argv] = podman(folders).map((word) => word.replace('=overlay', '=vfs'));
  const auth = ['--tls-verify=false', '--creds', 'alice:wonder'];
  const target = await bySkopeo(registry, 'team/app:v1', 'alice:wonder');
  await mustRun(program, [...argv, 'pull', '-q', ...auth, target]);
  const again = `${registry.address}/team/by-podman:v1`;
  await mustRun(program, [...argv, 'push', '-q', ...auth, target, again]);
  await mustRun(program, [...argv, 'rmi', '-f', target]);
  await mustRun(program, [...argv, 'pull', '-q', ...auth, again]);
  const refused = await runProgram(program, [
    ...argv,
    'push',
    '-q',
    ...auth,
    again,
    `${registry.address}/other:v1`,
  ]);
  t.not(refused.code, 0);
  t.deepEqual((await scrubRegistry(registry.storage)).problems, []);
  await removePeersGroups();
});

test.serial('buildah builds from an image of it, and pushes', async (t) => {
  if ((await runProgram('sh', ['-c', 'command -v buildah'])).code !== 0)
    return t.log('buildah is not installed');
  await using registry = await openClosed(t);
  const target = await bySkopeo(registry, 'team/base:v1', 'alice:wonder');
  const store = temporaryFolder(t);
  const global = ['--root', join(store, 'root'), '--runroot', join(store, 'run'), '--storage-driver', 'vfs'];
  const auth = ['--tls-verify=false', '--creds', 'alice:wonder'];
  const from = await mustRun('buildah', [...global, 'from', '-q', ...auth, target]);
  const container = from.trim();
  await mustRun('buildah', [...global, 'config', '--label', 'built=yes', container]);
  const image = (await mustRun('buildah', [...global, 'commit', '-q', container])).trim();
  const built = `${registry.address}/team/built:v1`;
  await mustRun('buildah', [...global, 'push', '-q', ...auth, image, `docker://${built}`]);
  const config = await mustRun('skopeo', ['inspect', ...auth, `docker://${built}`]);
  t.is(JSON.parse(config).Labels.built, 'yes');
  await mustRun('buildah', [...global, 'rm', '-a']);
});

test.serial('docker logs in, pushes, pulls, and mounts what the registry has; ctr as well', async (t) => {
  if ((await runProgram('sh', ['-c', 'command -v dockerd'])).code !== 0)
    return t.log('dockerd is not installed');
  await using registry = await openClosed(t);
  const folders = { store: temporaryFolder(t), run: temporaryFolder(t) };
  const target = await bySkopeo(registry, 'team/app:v1', 'alice:wonder');
  await using containerd = await startContainerd(folders);
  {
    await using daemon = await startDocker(folders, containerd);
    const config = temporaryFolder(t);
    const docker = (...argv: string[]) =>
      mustRun('docker', ['--config', config, '-H', `unix://${daemon.socket}`, ...argv]);
    await t.throwsAsync(docker('pull', '-q', target), { message: /denied|no basic auth|unauthorized/i });
    await mustRun(
      'docker',
      [
        '--config',
        config,
        '-H',
        `unix://${daemon.socket}`,
        'login',
        '-u',
        'alice',
        '--password-stdin',
        registry.address,
      ],
      { input: 'wonder' },
    );
    await docker('pull', '-q', target);
    const copy = `${registry.address}/team/by-docker:v1`;
    await docker('tag', target, copy);
    const pushed = await docker('push', copy);
    t.regex(pushed, /digest: sha256:[0-9a-f]{64}/);
    await docker('rmi', '-f', copy, target);
    await docker('pull', '-q', copy);
    const denied = `${registry.address}/other/app:v1`;
    await docker('tag', copy, denied);
    await t.throwsAsync(docker('push', denied), { message: /denied|unauthorized/i });
  }
  const ctr = ['-a', containerd.socket, '-n', 'registry-test'];
  const plain = ['--plain-http', '--user', 'alice:wonder'];
  const copy = `${registry.address}/team/by-ctr:v1`;
  await mustRun('ctr', [...ctr, 'images', 'pull', '--snapshotter', 'native', ...plain, target]);
  await mustRun('ctr', [...ctr, 'images', 'push', ...plain, copy, target]);
  t.is(
    (await runProgram('ctr', [...ctr, 'images', 'push', ...plain, `${registry.address}/x:v1`, target])).code,
    1,
  );
  t.deepEqual((await scrubRegistry(registry.storage)).problems, []);
  await removePeersGroups();
});

test.serial('this library pushes to it, and runs what it pulls from it', async (t) => {
  await using registry = await openRegistry({ storage: temporaryFolder(t) });
  const target = await bySkopeo(registry, 'team/app:v1');
  await using engine = await openTestEngine();
  await engine.images.pull(target);
  const copy = `${registry.address}/other/copy:v1`;
  await engine.images.tag(target, copy);
  const { digest } = await engine.images.push(copy);
  await using other = await openTestEngine();
  await other.images.pull(`${registry.address}/other/copy@${digest}`);
  t.is(
    (await other.run(`${registry.address}/other/copy@${digest}`, ['echo', 'hello'])).stdout.toString(),
    'hello\n',
  );
});
