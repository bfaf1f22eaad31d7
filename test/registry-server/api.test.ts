import test, { type ExecutionContext } from 'ava';
import type {
  AuditDocument,
  Listed,
  ManifestDetail,
  MirrorDocument,
  QuotaDocument,
  RepositoryDocument,
  RepositorySummary,
  RunDocument,
  TagSummary,
} from '../../lib/registry-server/api-documents.ts';
import type { RegistryOptions } from '../../lib/registry-server/index.ts';
import { addUsers, clientOf, openClient, type TestClient } from './client.ts';
import { pushAbout, pushIndex, pushSample } from './sample-images.ts';

/** A registry with an administrator, and alice, who may push to team/*; their passwords are their names. */
async function openWith(t: ExecutionContext, options: RegistryOptions = {}) {
  const { registry, folder } = await openClient(t, { access: {}, ...options });
  const accounts = await addUsers(registry, { root: true, alice: false });
  await accounts.putGrant({ to: 'user:alice', scope: 'team/*', role: 'push' });
  const as = (name?: string) => clientOf(registry, folder, name && `${name}:${name}`);
  return { registry, folder, accounts, as };
}

async function read<T>(client: TestClient, path: string): Promise<T> {
  const { status, text } = await client.send('GET', `/api/v1${path}`);
  if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
  return JSON.parse(text) as T;
}

const verbsOfAdmins = [
  ['GET', '/users'],
  ['PUT', '/users/eve'],
  ['DELETE', '/users/alice'],
  ['GET', '/robots'],
  ['PUT', '/robots/ci'],
  ['DELETE', '/robots/ci'],
  ['GET', '/grants'],
  ['PUT', '/grants'],
  ['DELETE', '/grants'],
  ['GET', '/quotas'],
  ['GET', '/mirrors'],
  ['GET', '/runs'],
  ['POST', '/runs'],
  ['GET', '/audit'],
] as const;

test('what is for administrators is refused to users and to everybody', async (t) => {
  const { as } = await openWith(t);
  for (const [method, path] of verbsOfAdmins) {
    t.is((await as('alice').send(method, `/api/v1${path}`)).status, 403, `${method} ${path}`);
    t.is((await as().send(method, `/api/v1${path}`)).status, 401, `${method} ${path}`);
  }
});

test('repositories that may not be pulled are neither listed nor told of', async (t) => {
  const { as } = await openWith(t);
  await pushSample(as('root'), 'team/app', 'v1');
  await pushSample(as('root'), 'secret/app', 'v1');
  const { items, total } = await read<Listed<RepositorySummary>>(as('alice'), '/repositories');
  t.deepEqual([items.map(({ name }) => name), total], [['team/app'], 1]);
  t.is((await read<Listed<RepositorySummary>>(as(), '/repositories')).total, 0);
  for (const path of ['', '/tags', '/manifests/v1']) {
    t.is((await as('alice').send('GET', `/api/v1/repositories/secret/app${path}`)).status, 403);
    t.is((await as().send('GET', `/api/v1/repositories/secret/app${path}`)).status, 401);
    t.is((await as('root').send('GET', `/api/v1/repositories/secret/app${path}`)).status, 200);
  }
  t.is((await as('alice').send('GET', '/api/v1/repositories/team/none')).code, 'NAME_UNKNOWN');
});

test('a list is searched, and comes in parts', async (t) => {
  const { as } = await openWith(t);
  for (const name of ['a/one', 'a/two', 'b/one']) await as('root').image(name, 'v1');
  const names = async (query: string) => {
    const { items, total } = await read<Listed<RepositorySummary>>(as('root'), `/repositories?${query}`);
    return [items.map(({ name }) => name).join(' '), total];
  };
  t.deepEqual(await names(''), ['a/one a/two b/one', 3]);
  t.deepEqual(await names('q=ONE'), ['a/one b/one', 2]);
  t.deepEqual(await names('n=1&from=1'), ['a/two', 3]);
  t.is((await as('root').send('GET', '/api/v1/repositories?from=x')).status, 400);
});

test('a repository says how large it is, each blob once, and what one may do with it', async (t) => {
  const { as } = await openWith(t);
  await pushSample(as('root'), 'team/app', 'v1');
  const before = await read<RepositoryDocument>(as('alice'), '/repositories/team/app');
  t.deepEqual(before.may, { push: true, delete: false });
  t.deepEqual([before.tags, before.manifests], [1, 1]);
  t.true(before.bytes > 110_000 && before.bytes < 112_000);
  await pushSample(as('root'), 'team/app', 'v2');
  const after = await read<RepositoryDocument>(as('root'), '/repositories/team/app');
  t.deepEqual(after.may, { push: true, delete: true });
  t.true(after.bytes > before.bytes + 20_000 && after.bytes < before.bytes + 21_000);
  t.true(Date.parse(after.updatedAt ?? '') >= Date.parse(before.updatedAt ?? ''));
});

test('tags come with their platforms, sizes and referrers, the latest first; attachments are no tags', async (t) => {
  const { as } = await openWith(t, { settings: { immutable: [{ scope: 'team/*', tags: 'v*' }] } });
  const root = as('root');
  const image = await pushSample(root, 'team/app', 'v1');
  await pushIndex(root, 'team/app', 'multi');
  await pushAbout(root, 'team/app', image, 'application/spdx+json');
  await pushSample(root, 'team/app', `${image.digest.replace(':', '-')}.sig`);
  const { items } = await read<Listed<TagSummary>>(root, '/repositories/team/app/tags');
  t.deepEqual(
    items.map(({ tag, kind, platforms, referrers, isImmutable }) => ({
      tag,
      kind,
      platforms,
      referrers,
      isImmutable,
    })),
    [
      {
        tag: 'multi',
        kind: 'index',
        platforms: ['linux/amd64', 'linux/arm64'],
        referrers: 0,
        isImmutable: false,
      },
      { tag: 'v1', kind: 'image', platforms: ['linux/amd64'], referrers: 1, isImmutable: true },
    ],
  );
  t.true(items[0]!.bytes > 220_000 && items[0]!.bytes < 224_000);
  t.is((await read<Listed<TagSummary>>(root, '/repositories/team/app/tags?q=mul')).total, 1);
});

test('an image is told of by its layers, with the commands that made them', async (t) => {
  const { as } = await openWith(t);
  const { digest } = await pushSample(as('root'), 'team/app', 'v1');
  const detail = await read<ManifestDetail>(as('alice'), '/repositories/team/app/manifests/v1');
  t.deepEqual([detail.digest, detail.kind, detail.tags], [digest, 'image', ['v1']]);
  t.like(detail.image, {
    platform: 'linux/amd64',
    user: 'app',
    exposedPorts: ['8080/tcp'],
    cmd: ['server.js', '--port=8080'],
  });
  t.deepEqual(
    detail.image!.layers.map(({ createdBy, blob }) => [createdBy?.split(' ')[0], blob?.size]),
    [
      ['ADD', 90_000],
      ['ENV', undefined],
      ['COPY', 20_000],
      ['ENTRYPOINT', undefined],
      ['CMD', undefined],
    ],
  );
  t.deepEqual(detail.may, { delete: false });
  const byDigest = await read<ManifestDetail>(as('root'), `/repositories/team/app/manifests/${digest}`);
  t.deepEqual([byDigest.digest, byDigest.may], [digest, { delete: true }]);
});

test('an index tells of its platforms, and whatever refers to it of what it is', async (t) => {
  const { as } = await openWith(t);
  const root = as('root');
  const index = await pushIndex(root, 'team/app', 'v1');
  await pushAbout(root, 'team/app', index, 'application/vnd.dev.cosign.artifact.sig.v1+json');
  await pushAbout(root, 'team/app', index, 'application/vnd.cyclonedx+json');
  await pushAbout(root, 'team/app', index, 'application/vnd.example.other');
  await pushSample(root, 'team/app', `${index.digest.replace(':', '-')}.att`);
  const { manifests, referrers, kind } = await read<ManifestDetail>(
    root,
    '/repositories/team/app/manifests/v1',
  );
  t.is(kind, 'index');
  t.deepEqual(
    manifests.map((one) => [one.kind, one.platform]),
    [
      ['image', 'linux/amd64'],
      ['image', 'linux/arm64'],
      ['attestation', undefined],
    ],
  );
  t.deepEqual(referrers.map((one) => one.kind).sort(), ['artifact', 'attestation', 'sbom', 'signature']);
});

test('a config that is none leaves an image that is told of without it', async (t) => {
  const { as } = await openWith(t);
  await as('root').image('team/app', 'v1');
  const detail = await read<ManifestDetail>(as('root'), '/repositories/team/app/manifests/v1');
  t.is(detail.image, undefined);
  t.is(detail.blobs.length, 1);
});

test('a tag is deleted by whoever may delete, and nobody else', async (t) => {
  const { as } = await openWith(t);
  await pushSample(as('root'), 'team/app', 'v1');
  const path = '/api/v1/repositories/team/app/manifests/v1';
  t.is((await as().send('DELETE', path)).status, 401);
  t.is((await as('alice').send('DELETE', path)).status, 403);
  t.is((await as('root').send('GET', '/v2/team/app/manifests/v1')).status, 200);
  t.is((await as('root').send('DELETE', path)).status, 202);
  t.is((await as('root').send('GET', '/v2/team/app/manifests/v1')).status, 404);
});

test('quotas say how much of them is used', async (t) => {
  const { as } = await openWith(t, { settings: { quotas: [{ scope: 'team/*', bytes: 1_000_000 }] } });
  await as('root').blob('team/app', Buffer.alloc(5000));
  t.deepEqual(await read<QuotaDocument[]>(as('root'), '/quotas'), [
    { scope: 'team/*', bytes: 1_000_000, used: 5000 },
  ]);
});

test('mirrors say what is here of them, and whether their upstream answers', async (t) => {
  const upstream = await openClient(t);
  const { layers } = await upstream.image('app', 'v1').then(async ({ digest }) => {
    const { text } = await upstream.send('GET', `/v2/app/manifests/${digest}`);
    return JSON.parse(text);
  });
  const { as } = await openWith(t, {
    settings: {
      mirrors: [
        { prefix: 'here', upstream: upstream.registry.url, maxBytes: 1000 },
        { prefix: 'gone', upstream: 'http://127.0.0.1:9' },
        { prefix: 'idle', upstream: 'http://127.0.0.1:9' },
      ],
    },
  });
  const root = as('root');
  t.is((await root.send('GET', '/v2/here/app/manifests/v1')).status, 200);
  t.is((await root.send('GET', `/v2/here/app/blobs/${layers[0].digest}`)).status, 200);
  t.is((await root.send('GET', '/v2/gone/app/manifests/v1')).status, 503);
  const byPrefix = async () => {
    const all = await read<MirrorDocument[]>(root, '/mirrors');
    return Object.fromEntries(all.map((one) => [one.prefix, one]));
  };
  let { here, gone, idle } = await byPrefix();
  // The last byte goes out when the digest is right, the blob is in its place a moment later.
  for (; here!.blobs === 0 || here!.downloads > 0; { here, gone, idle } = await byPrefix());
  t.like(here, { repositories: 1, blobs: 1, bytes: layers[0].size, maxBytes: 1000, downloads: 0 });
  t.true(Date.parse(here!.answeredAt!) <= Date.now());
  t.is(here!.failure, undefined);
  t.regex(gone!.failure!, /cannot reach 127\.0\.0\.1:9/);
  t.is(gone!.answeredAt, undefined);
  t.like(idle, { answeredAt: undefined, failedAt: undefined });
});

test('a collection and a scrub are begun by an administrator, and what came of them is remembered', async (t) => {
  const { as, registry } = await openWith(t);
  await pushSample(as('root'), 'team/app', 'v1');
  const { digest } = await as('root').blob('team/app', 'damaged');
  const hex = digest.slice(7);
  await registry.storage.write(`blobs/sha256/${hex.slice(0, 2)}/${hex}`, 'otherwise');
  for (const kind of ['collect', 'scrub']) {
    const { status } = await as('root').send('POST', '/api/v1/runs', { body: JSON.stringify({ kind }) });
    t.is(status, 202);
    const run = await endedRun(as('root'), kind);
    t.is(run.by, 'root');
    if (kind === 'collect')
      t.deepEqual(run.counts, { tags: 0, manifests: 0, blobs: 0, bytes: 0, uploads: 0 });
    else t.like(run, { counts: { blobs: 5, problems: 1 }, problems: [{ what: `corrupt ${digest}` }] });
  }
  t.is((await as('root').send('POST', '/api/v1/runs', { body: '{"kind":"other"}' })).status, 400);
});

async function endedRun(client: TestClient, kind: string): Promise<RunDocument> {
  for (;;) {
    const run = (await read<RunDocument[]>(client, '/runs')).find((one) => one.kind === kind);
    if (run?.endedAt !== undefined) return run;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('the audit log tells who changed what, and who was refused, across restarts', async (t) => {
  const { as, registry, folder } = await openWith(t);
  await pushSample(as('alice'), 'team/app', 'v1');
  await as('alice').send('DELETE', '/v2/team/app/manifests/v1');
  await as('root').send('PUT', '/api/v1/grants', { body: '{"to":"users","scope":"public/*","role":"pull"}' });
  await clientOf(registry, '', 'alice:wrong').send('GET', '/v2/');
  const audit = async (client: TestClient, query = '') => {
    const { items } = await read<Listed<AuditDocument>>(client, `/audit${query}`);
    return items.map(({ action, target, by, status }) => [action, target, by, status]);
  };
  const expected = [
    ['login', 'alice', 'alice', 401],
    ['grant', 'pull on public/* to users', 'root', 204],
    ['delete', 'team/app:v1', 'alice', 403],
    ['push', 'team/app:v1', 'alice', 201],
  ];
  t.deepEqual(await audit(as('root')), expected);
  t.deepEqual(await audit(as('root'), '?q=delete'), [expected[2]]);
  t.deepEqual(await audit(as('root'), '?n=1&from=1'), [expected[1]]);
  await registry.close();
  const { registry: again } = await openClient(t, { storage: folder, access: {} });
  t.deepEqual(await audit(clientOf(again, folder, 'root:root')), expected);
});
