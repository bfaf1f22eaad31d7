import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { digestOf, mediaTypes, parseManifest } from '../../lib/oci/index.ts';
import { startRegistry } from '../fixtures/registry.ts';
import { makeCertificates } from './certificates.ts';
import { open, readAll } from './open.ts';
import { pushBlob, pushManifest } from './push.ts';

const absent = (bytes: string) => ({
  mediaType: mediaTypes.ociLayer,
  digest: digestOf(bytes),
  size: bytes.length,
});

test('a tag is described, resolved, and its blobs fetched from a plain http registry on this machine', async (t) => {
  await using registry = await startRegistry();
  const url = `http://${registry.address}`;
  const bytes = randomBytes(9 * 1024 * 1024);
  const layer = await pushBlob(url, 'team/app', bytes);
  const pushed = await pushManifest(url, 'team/app', 'v1', [layer]);
  await using repository = open(`${registry.address}/team/app:v1`);

  t.deepEqual(await repository.describe(), pushed);
  const resolved = await repository.resolve();
  t.deepEqual(resolved.descriptor, pushed);
  t.deepEqual((await repository.resolve(pushed.digest)).bytes, resolved.bytes);
  const manifest = parseManifest(resolved.bytes, resolved.descriptor.mediaType);
  t.deepEqual(manifest.kind === 'manifest' && manifest.layers, [layer]);
  t.true((await readAll(await repository.fetch(layer))).equals(bytes));
  t.true((await readAll(await repository.fetch(pushed))).equals(resolved.bytes));
  t.is((await repository.fetchBytes({ ...layer, ...absent('{}') })).toString(), '{}');
  t.true(await repository.has(layer));
  t.true(await repository.has(pushed));
  t.false(await repository.has(absent('nothing')));
});

test('a blob is fetched from any offset on', async (t) => {
  await using registry = await startRegistry();
  const bytes = randomBytes(300_000);
  const layer = await pushBlob(`http://${registry.address}`, 'app', bytes);
  await using repository = open(`${registry.address}/app`);
  for (const offset of [1, 65_536, 299_999, 300_000]) {
    t.true(
      (await readAll(await repository.fetch(layer, { offset }))).equals(bytes.subarray(offset)),
      `${offset}`,
    );
  }
});

test('what is not there is said to be missing, by its name', async (t) => {
  await using registry = await startRegistry();
  await pushManifest(`http://${registry.address}`, 'app', 'v1');
  await using repository = open(`${registry.address}/app:v2`);
  await t.throwsAsync(repository.resolve(), {
    code: 'ERR_MANIFEST_NOT_FOUND',
    message: /app:v2 .*no such tag/,
  });
  await t.throwsAsync(repository.describe(), { code: 'ERR_MANIFEST_NOT_FOUND' });
  await t.throwsAsync(repository.fetch(absent('x')), {
    code: 'ERR_BLOB_NOT_FOUND',
    message: /sha256:.*is not in/,
  });
  await using other = open(`${registry.address}/nothing`);
  await t.throwsAsync(other.resolve(), { code: 'ERR_MANIFEST_NOT_FOUND' });
});

test('basic authentication is answered from the credentials given or stored, and its refusal is told', async (t) => {
  await using registry = await startRegistry({ login: { user: 'me', password: 'pass:word' } });
  await using certificates = await makeCertificates();
  const stored = { auths: { [registry.address]: { auth: Buffer.from('me:pass:word').toString('base64') } } };
  await writeFile(join(certificates.directory, 'config.json'), JSON.stringify(stored));
  const reference = `${registry.address}/app`;

  await using anonymous = open(reference);
  await t.throwsAsync(anonymous.resolve(), {
    code: 'ERR_REGISTRY_UNAUTHORIZED',
    message: new RegExp(`log in with: docker login ${registry.address}`),
  });
  await using wrong = open(reference, { credentials: { username: 'me', password: 'no' } });
  await t.throwsAsync(wrong.resolve(), {
    code: 'ERR_REGISTRY_UNAUTHORIZED',
    message: /the credentials given/,
  });
  await using right = open(reference, { credentials: { username: 'me', password: 'pass:word' } });
  await t.throwsAsync(right.resolve(), { code: 'ERR_MANIFEST_NOT_FOUND' });
  await using known = open(reference, { env: { DOCKER_CONFIG: certificates.directory } });
  await t.throwsAsync(known.resolve(), { code: 'ERR_MANIFEST_NOT_FOUND' });
});

test('a registry whose CA is configured, or in SSL_CERT_FILE, is trusted, and no other', async (t) => {
  await using certificates = await makeCertificates();
  const { ca, cert, key } = certificates;
  await using registry = await startRegistry({ tls: { cert, key } });
  const reference = `${registry.address}/app`;
  const missing = { code: 'ERR_MANIFEST_NOT_FOUND' };

  await using trusted = open(reference, { registries: { [registry.address]: { tls: { ca } } } });
  await t.throwsAsync(trusted.resolve(), missing);
  await using byEnvironment = open(reference, { env: { SSL_CERT_FILE: ca } });
  await t.throwsAsync(byEnvironment.resolve(), missing);
  await using unchecked = open(reference, {
    registries: { [registry.address]: { tls: { skipVerify: true } } },
  });
  await t.throwsAsync(unchecked.resolve(), missing);
  await using untrusted = open(reference);
  await t.throwsAsync(untrusted.resolve(), { code: 'ERR_REGISTRY_TLS', message: /not trusted.*tls\.ca/ });
});
