import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { mustRun } from '../fixtures/run-program.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { makeCertificates } from '../registry-client/certificates.ts';
import { openStrake, type Strake } from './strake.ts';

interface Served {
  readonly url: string;
  readonly child: ChildProcess;
  stderr: string;
  stdout: string;
}

/** `strake registry serve` on a free port, until the test ends. */
async function serve(t: ExecutionContext, strake: Strake, ...flags: readonly string[]): Promise<Served> {
  const child = strake.spawn(['registry', 'serve', '--listen', '127.0.0.1:0', ...flags]);
  t.teardown(() => child.kill('SIGKILL'));
  const served = { url: '', child, stderr: '', stdout: '' };
  child.stderr?.on('data', (chunk) => {
    served.stderr += chunk;
  });
  child.stdout?.on('data', (chunk) => {
    served.stdout += chunk;
  });
  while (!served.stdout.includes('\n') && child.exitCode === null)
    await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
  if (child.exitCode !== null) throw new Error(served.stderr);
  served.url = served.stdout.split('\n')[0]!;
  return served;
}

const basic = (login: string) => ({ authorization: `Basic ${Buffer.from(login).toString('base64')}` });

test('a registry is served with users, who may do what was granted to them', async (t) => {
  await using strake = await openStrake();
  await strake.run(['registry', 'user', 'add', 'alice', '--password-stdin'], { input: 'wonder\n' });
  await strake.run(['registry', 'grant', 'add', 'user:alice', 'team/*', 'push']);
  const robot = await strake.run(['registry', 'robot', 'add', 'ci', '--expires', '1h']);
  t.regex(robot.stdout, /^robot\$ci [\w-]{43}\n$/);
  const { url } = await serve(t, strake);
  const push = async (name: string, login: string) =>
    (await fetch(`${url}/v2/${name}/blobs/uploads/`, { method: 'POST', headers: basic(login) })).status;
  t.is(await push('team/app', 'alice:wonder'), 202);
  t.is(await push('team/app', 'alice:blunder'), 401);
  t.is(await push('other', 'alice:wonder'), 403);
  t.is(await push('team/app', robot.stdout.trim().replace(' ', ':')), 403);
  t.is((await fetch(`${url}/v2/`)).status, 401);
  const { stdout } = await strake.run(['registry', 'grant', 'ls', '--format', 'json']);
  t.deepEqual(JSON.parse(stdout), { to: 'user:alice', scope: 'team/*', role: 'push' });
  t.notRegex((await strake.run(['registry', 'user', 'ls', '--format', 'json'])).stdout, /scrypt/);
});

test('mistakes are told in one line', async (t) => {
  await using strake = await openStrake();
  const stderr = async (...argv: string[]) =>
    (await strake.run(['registry', ...argv], { input: 'x\n' })).stderr;
  t.regex(await stderr('grant', 'add', 'alice', '*', 'pull'), /^strake: nothing can be granted to "alice"/);
  t.regex(await stderr('grant', 'add', 'users', 'team*', 'pull'), /is no scope/);
  t.regex(await stderr('grant', 'add', 'users', '*', 'king'), /is no role/);
  t.regex(await stderr('user', 'rm', 'nobody'), /there is no user nobody/);
  t.regex(await stderr('user', 'add', '../x', '--password-stdin'), /is no account's name/);
  t.regex(await stderr('serve', '--listen', 'nowhere'), /write HOST:PORT/);
  t.regex(await stderr('serve', '--tls-cert', 'x'), /together/);
  t.regex(
    await stderr('serve', '--listen', '127.0.0.1:0', '--tls-cert', '/x', '--tls-key', '/y'),
    /cannot serve TLS/,
  );
  const settings = join(temporaryFolder(t), 'settings.json');
  await writeFile(settings, '{"quota":[]}');
  t.regex(await stderr('serve', '--settings', settings), /invalid settings .*quota/);
});

test('SIGTERM ends it when what runs has ended, and the log says who did what', async (t) => {
  await using strake = await openStrake();
  const audit = join(temporaryFolder(t), 'audit.log');
  const served = await serve(t, strake, '--log', 'json', '--audit-log', audit);
  await fetch(`${served.url}/v2/a/blobs/uploads/?secret=1`, { method: 'POST' });
  await fetch(`${served.url}/v2/`);
  served.child.kill('SIGTERM');
  const [code] = await once(served.child, 'exit');
  t.is(code, 0, served.stderr);
  const [, ...lines] = served.stdout.trim().split('\n');
  const records = lines.map((line) => JSON.parse(line));
  t.like(records[0], { method: 'POST', path: '/v2/a/blobs/uploads/', status: 202, by: 'anonymous' });
  t.like(records[1], { method: 'GET', path: '/v2/', status: 200 });
  t.is((await readFile(audit, 'utf8')).trim().split('\n').length, 1);
});

test('collect and scrub work beside a server', async (t) => {
  await using strake = await openStrake();
  const { url } = await serve(t, strake);
  const digest = 'sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';
  await fetch(`${url}/v2/a/blobs/uploads/?digest=${digest}`, { method: 'POST', body: 'hello' });
  t.regex((await strake.run(['registry', 'scrub'])).stdout, /^read 1 blobs, 5B: 0 problems\n$/);
  await new Promise((resolve) => setTimeout(resolve, 20));
  const { stdout } = await strake.run(['registry', 'collect', '--grace', '0']);
  t.is(stdout, 'removed 0 tags, 0 manifests, 1 blobs, 0 uploads: 5B\n');
  t.is((await fetch(`${url}/v2/a/blobs/${digest}`)).status, 404);
});

test('TLS certificates are read again at SIGHUP, and a bad one changes nothing', async (t) => {
  await using strake = await openStrake();
  await using first = await makeCertificates();
  await using second = await makeCertificates();
  const folder = temporaryFolder(t);
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const use = async (from: { cert: string; key: string }) => {
    await copyFile(from.cert, cert);
    await copyFile(from.key, key);
  };
  await use(first);
  const served = await serve(t, strake, '--tls-cert', cert, '--tls-key', key);
  const serial = () => peerSerial(served.url);
  const before = await serial();
  const hangUp = async (said: RegExp) => {
    served.stderr = '';
    served.child.kill('SIGHUP');
    while (!said.test(served.stderr)) await once(served.child.stderr!, 'data');
  };
  await writeFile(cert, 'no certificate');
  await hangUp(/stays as it was/);
  t.is(await serial(), before);
  await use(second);
  await hangUp(/read again/);
  t.not(await serial(), before);
});

test('with --client-ca, who shows no certificate is not let in, and one with a user’s name is that user', async (t) => {
  await using strake = await openStrake();
  await using certificates = await makeCertificates();
  const { ca, cert, key, directory } = certificates;
  await signClient(directory, 'alice');
  await strake.run(['registry', 'user', 'add', 'alice', '--password-stdin'], { input: 'x\n' });
  await strake.run(['registry', 'grant', 'add', 'user:alice', 'team/*', 'push']);
  const { url } = await serve(t, strake, '--tls-cert', cert, '--tls-key', key, '--client-ca', ca);
  const own = {
    cert: await readFile(join(directory, 'alice.pem')),
    key: await readFile(join(directory, 'alice.key')),
  };
  const post = (path: string, options: object) =>
    new Promise<number>((resolve, reject) => {
      const sent = request(
        `${url}${path}`,
        { method: 'POST', rejectUnauthorized: false, ...options },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? 0);
        },
      );
      sent.on('error', reject);
      sent.end();
    });
  await t.throwsAsync(post('/v2/team/app/blobs/uploads/', {}));
  t.is(await post('/v2/team/app/blobs/uploads/', own), 202);
  t.is(await post('/v2/other/blobs/uploads/', own), 403);
});

function peerSerial(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket: TLSSocket = connect(
      { port: Number(new URL(url).port), host: '127.0.0.1', rejectUnauthorized: false },
      () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      },
    );
    socket.on('error', reject);
  });
}

async function signClient(directory: string, name: string): Promise<void> {
  const at = (file: string) => join(directory, file);
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  await mustRun('openssl', [
    'req',
    ...newKey,
    '-keyout',
    at(`${name}.key`),
    '-out',
    at(`${name}.csr`),
    '-subj',
    `/CN=${name}`,
  ]);
  const authority = ['-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-CAcreateserial', '-days', '2'];
  await mustRun('openssl', [
    'x509',
    '-req',
    '-in',
    at(`${name}.csr`),
    '-out',
    at(`${name}.pem`),
    ...authority,
  ]);
}
