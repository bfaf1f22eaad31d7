/** What strake pushes, read by others: skopeo, podman and docker; with logins, TLS, and kills in the middle. */
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { podman, removePeersGroups, startContainerd, startDocker } from '../../bench/harness/peers.ts';
import type { Engine } from '../../lib/engine/index.ts';
import { openStrake } from '../cli/strake.ts';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { debianImage } from '../fixtures/debian-image.ts';
import { openTestEngine } from '../fixtures/engine.ts';
import { buildImage, noise } from '../fixtures/image.ts';
import type { LayoutImage } from '../fixtures/oci-layout.ts';
import { startQuirkyRegistry } from '../fixtures/quirky-registry.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { mustRun, runProgram } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { startUploadRegistry } from '../fixtures/upload-registry.ts';
import { makeCertificates } from '../registry-client/certificates.ts';

/** Pulls an image from a registry that is gone afterwards; answers the name that it has here. */
async function stock(engine: Engine, image: LayoutImage, name: string): Promise<string> {
  await using registry = await startRegistry();
  const reference = await registry.push(image, name);
  await engine.images.pull(reference);
  return reference;
}

async function digestBySkopeo(reference: string, ...options: string[]): Promise<string> {
  const argv = [
    'inspect',
    '--tls-verify=false',
    ...options,
    '--format',
    '{{.Digest}}',
    `docker://${reference}`,
  ];
  return (await mustRun('skopeo', argv)).trim();
}

/** Every byte of it, verified by skopeo. */
async function copyBySkopeo(t: ExecutionContext, reference: string): Promise<void> {
  const target = `oci:${temporaryFolder(t)}:copy`;
  const argv = ['--insecure-policy', 'copy', '-q', '--src-tls-verify=false', `docker://${reference}`, target];
  await mustRun('skopeo', argv);
}

test.serial('skopeo, podman and docker read what was pushed, digest for digest', async (t) => {
  await using registry = await startRegistry();
  await using engine = await openTestEngine();
  const reference = `${registry.address}/group/debian:12`;
  await engine.images.tag(await stock(engine, await debianImage(), 'debian:12'), reference);
  const { digest } = await engine.images.push(reference);
  t.is(await digestBySkopeo(reference), digest);
  await copyBySkopeo(t, reference);
  const run = temporaryFolder(t);
  const folders = { store: temporaryFolder(t), run };
  mkdirSync(join(run, 'podman-tmp'));
  const [program = '', ...argv] = podman(folders);
  await mustRun(program, [...argv, 'pull', '-q', '--tls-verify=false', reference]);
  t.true((await mustRun(program, [...argv, 'images', '--digests'])).includes(digest));
  if ((await runProgram('dockerd', ['--version'])).code !== 0) return t.log('dockerd is not installed');
  {
    await using containerd = await startContainerd(folders);
    await using docker = await startDocker(folders, containerd);
    const client = ['-H', `unix://${docker.socket}`];
    await mustRun('docker', [...client, 'pull', '-q', reference]);
    const pulled = await mustRun('docker', [...client, 'inspect', '-f', '{{json .RepoDigests}}', reference]);
    t.true(pulled.includes(digest));
    const theirs = `${registry.address}/group/theirs:1`;
    await mustRun('docker', [...client, 'tag', reference, theirs]);
    await mustRun('docker', [...client, 'push', '-q', theirs]);
    t.is((await engine.images.pull(theirs)).id, (await engine.images.inspect(reference)).id);
  }
  await removePeersGroups();
});

test.serial('what a container has changed is pushed as a compressed layer, and pulled again', async (t) => {
  await using registry = await startRegistry();
  await using engine = await openTestEngine();
  const base = await stock(engine, await busyboxImage(), 'busybox:latest');
  const container = await engine.containers.create(base, { argv: ['sh', '-c', 'echo changed > /root/file'] });
  await container.start();
  await container.wait();
  const reference = `${registry.address}/committed:v1`;
  await container.commit({ reference });
  await container.remove();
  for (const format of ['gzip', 'zstd'] as const) {
    const pushed = await engine.images.push(reference, format === 'zstd' ? { compression: { format } } : {});
    t.true(pushed.repacked);
    t.is(await digestBySkopeo(reference), pushed.digest);
    await copyBySkopeo(t, reference);
    await using other = await openTestEngine();
    await other.images.pull(reference);
    t.is((await other.run(reference, ['cat', '/root/file'])).stdout.toString(), 'changed\n');
  }
});

test.serial('the command line logs in over TLS, pushes, and logs out again', async (t) => {
  await using certificates = await makeCertificates();
  const { ca } = certificates;
  const login = { user: 'me', password: 'secret' };
  await using registry = await startRegistry({ login, tls: certificates });
  await using strake = await openStrake();
  const folder = temporaryFolder(t);
  const config = join(folder, 'strake.json');
  writeFileSync(config, JSON.stringify({ registries: { [registry.address]: { tls: { ca } } } }));
  const env = { STRAKE_CONFIG: config, DOCKER_CONFIG: folder };
  const reference = `${registry.address}/busybox:v1`;
  await using source = await startRegistry();
  const pulled = await source.push(await busyboxImage(), 'busybox:latest');
  await strake.run(['pull', '-q', pulled], { env });
  await strake.run(['tag', pulled, reference], { env });
  const denied = await strake.run(['push', reference], { env });
  t.is(denied.code, 1);
  t.regex(denied.stderr, /needs an account that may write there, or log in with: docker login/);
  const wrong = await strake.run(['login', '-u', 'me', '--password-stdin', registry.address], {
    env,
    input: 'no\n',
  });
  t.is(wrong.code, 1);
  t.regex(wrong.stderr, /does not accept this password for me/);
  const right = await strake.run(['login', '-u', 'me', '--password-stdin', registry.address], {
    env,
    input: 'secret\n',
  });
  t.is(right.stdout, 'Login Succeeded\n');
  t.regex(right.stderr, /stored unencrypted in .*config\.json/);
  const pushed = await strake.run(['push', reference], { env });
  t.is(pushed.code, 0, pushed.stderr);
  t.regex(
    pushed.stdout,
    /^The push refers to repository \[.*\/busybox\]\nv1: digest: sha256:[0-9a-f]{64} size: \d+\n$/,
  );
  t.regex(pushed.stderr, /: pushed\n/);
  const again = await strake.run(['push', reference], { env });
  t.regex(again.stderr, /: layer already exists\n/);
  t.is((await strake.run(['push', '-q', reference], { env })).stdout, `${reference}\n`);
  const digest = await digestBySkopeo(reference, '--creds', 'me:secret');
  t.true(pushed.stdout.includes(digest));
  t.is(
    (await strake.run(['logout', registry.address], { env })).stdout,
    `Removing login credentials for ${registry.address}\n`,
  );
  t.is((await strake.run(['push', reference], { env })).code, 1);
});

test.serial(
  'a push that is killed in the middle of a layer leaves no name; the next one completes it and skips what exists',
  async (t) => {
    await using source = await startQuirkyRegistry();
    await using registry = await startUploadRegistry();
    await using strake = await openStrake();
    const image = buildImage({
      layers: [
        { entries: [{ path: 'small', content: noise(300_000) }] },
        { entries: [{ path: 'big', content: noise(8_000_000, 2) }] },
      ],
    });
    const pulled = source.add(image, 'image');
    const reference = `${registry.address}/image:latest`;
    await strake.run(['pull', '-q', pulled]);
    await strake.run(['tag', pulled, reference]);
    registry.quirk = ({ step }) => (step === 'piece' ? { stallAfter: 2_000_000 } : undefined);
    const child = strake.spawn(['push', '-q', reference]);
    const exited = once(child, 'exit');
    while (registry.blobs.size < 2 || registry.steps('piece')[0]?.received !== 2_000_000) await delay(10);
    child.kill('SIGKILL');
    await exited;
    t.is(registry.manifests.size, 0);
    registry.quirk = () => undefined;
    registry.requests.length = 0;
    const second = await strake.run(['push', reference]);
    t.is(second.code, 0, second.stderr);
    t.is(registry.steps('begin').length, 1);
    t.is(registry.manifests.get('image:latest')?.bytes.length, image.target.size);
  },
);

test.serial('whenever a push is killed, the registry has the whole image or no name for it', async (t) => {
  await using registry = await startRegistry();
  await using strake = await openStrake();
  await using source = await startRegistry();
  const pulled = await source.push(await debianImage(), 'debian:12');
  await strake.run(['pull', '-q', pulled]);
  for (const [at, wait] of [80, 150, 220, 300, 400].entries()) {
    const reference = `${registry.address}/killed-${at}:latest`;
    await strake.run(['tag', pulled, reference]);
    const child = strake.spawn(['push', '-q', reference]);
    const exited = once(child, 'exit');
    await Promise.race([delay(wait), exited]);
    child.kill('SIGKILL');
    await exited;
    const there = await fetch(`http://${registry.address}/v2/killed-${at}/manifests/latest`, {
      headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
    });
    if (there.ok) await copyBySkopeo(t, reference);
    const second = await strake.run(['push', '-q', reference]);
    t.is(second.code, 0, second.stderr);
    await copyBySkopeo(t, reference);
  }
});

test.serial('ctrl-c ends a push in an orderly way', async (t) => {
  await using source = await startQuirkyRegistry();
  await using registry = await startUploadRegistry();
  await using strake = await openStrake();
  const pulled = source.add(
    buildImage({ layers: [{ entries: [{ path: 'big', content: noise(8_000_000) }] }] }),
    'image',
  );
  const reference = `${registry.address}/image:latest`;
  await strake.run(['pull', '-q', pulled]);
  await strake.run(['tag', pulled, reference]);
  registry.quirk = ({ step }) => (step === 'piece' ? { stallAfter: 1_000_000 } : undefined);
  const child = strake.spawn(['push', reference]);
  let stderr = '';
  child.stderr?.on('data', (chunk) => {
    stderr += chunk;
  });
  while (registry.steps('piece')[0]?.received !== 1_000_000) await delay(10);
  child.kill('SIGINT');
  t.deepEqual((await once(child, 'exit'))[0], 130);
  t.regex(stderr, /push interrupted/);
});
