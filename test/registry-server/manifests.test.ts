import test from 'ava';
import { openClient, sentOf, sha256, sha512, type TestClient, types } from './client.ts';

test('a manifest is put by tag and read by tag and digest', async (t) => {
  const client = await openClient(t);
  const { digest, size } = await client.image('team/app', 'v1');
  for (const reference of ['v1', digest]) {
    const got = await client.send('GET', `/v2/team/app/manifests/${reference}`);
    t.deepEqual([got.status, sha256(got.bytes)], [200, digest]);
    t.is(got.headers.get('content-type'), types.manifest);
    t.is(got.headers.get('docker-content-digest'), digest);
    const head = await client.send('HEAD', `/v2/team/app/manifests/${reference}`);
    t.deepEqual([head.status, head.text, head.headers.get('content-length')], [200, '', String(size)]);
    t.is(head.headers.get('content-type'), types.manifest);
  }
});

test('a PUT answers where the manifest is', async (t) => {
  const client = await openClient(t);
  const document = await parts(client, 'a');
  const { status, headers, digest } = await client.manifest('a', 'latest', document);
  t.is(status, 201);
  t.is(headers.get('location'), `/v2/a/manifests/${digest}`);
  t.is(headers.get('docker-content-digest'), digest);
  t.is(headers.get('oci-subject'), null);
});

test('a manifest put by digest has no tag, and one whose digest is another is refused', async (t) => {
  const client = await openClient(t);
  const document = await parts(client, 'a');
  t.is((await client.manifest('a', '', document)).status, 201);
  t.deepEqual(JSON.parse((await client.send('GET', '/v2/a/tags/list')).text), { name: 'a', tags: [] });
  t.like(await client.manifest('a', sha256('other'), document), { status: 400, code: 'DIGEST_INVALID' });
});

test('a manifest may be named by its sha512', async (t) => {
  const client = await openClient(t);
  const document = await parts(client, 'a');
  const digest = sha512(JSON.stringify(document));
  t.is((await client.manifest('a', digest, document)).status, 201);
  t.is((await client.send('GET', `/v2/a/manifests/${digest}`)).status, 200);
});

test('a manifest that is put by digest gets the tags that the query names', async (t) => {
  const client = await openClient(t);
  const document = await parts(client, 'a');
  const body = JSON.stringify(document);
  for (const digest of [sha256(body), sha512(body)]) {
    const path = `/v2/a/manifests/${digest}?tag=one&tag=two`;
    const { status, headers } = await client.send('PUT', path, {
      body,
      headers: { 'content-type': types.manifest },
    });
    t.deepEqual([status, headers.get('oci-tag')], [201, 'one, two']);
    for (const tag of ['one', 'two'])
      t.is(
        (await client.send('HEAD', `/v2/a/manifests/${tag}`)).headers.get('docker-content-digest'),
        digest,
      );
  }
  t.is((await client.send('PUT', `/v2/a/manifests/${sha256(body)}?tag=-x`, { body })).code, 'TAG_INVALID');
});

test("Docker's types are kept as they came", async (t) => {
  const client = await openClient(t);
  const { config, layers } = await parts(client, 'a');
  const image = { schemaVersion: 2, mediaType: types.dockerManifest, config, layers };
  const { status, digest, size } = await client.manifest('a', '', image, types.dockerManifest);
  t.is(status, 201);
  const list = {
    schemaVersion: 2,
    mediaType: types.dockerList,
    manifests: [
      { mediaType: types.dockerManifest, digest, size, platform: { os: 'linux', architecture: 'amd64' } },
    ],
  };
  t.is((await client.manifest('a', 'list', list, types.dockerList)).status, 201);
  t.is((await client.send('GET', '/v2/a/manifests/list')).headers.get('content-type'), types.dockerList);
});

test('indexes may contain indexes, and what they name must be there', async (t) => {
  const client = await openClient(t);
  const image = await client.image('a', 'v1');
  const inner = { schemaVersion: 2, mediaType: types.index, manifests: [image] };
  const { status, digest, size } = await client.manifest('a', '', inner, types.index);
  t.is(status, 201);
  const outer = {
    schemaVersion: 2,
    manifests: [{ mediaType: types.index, digest, size }, sentOf('not here', types.manifest)],
  };
  const refused = await client.manifest('a', 'outer', outer, types.index);
  t.like(refused, { status: 400, code: 'MANIFEST_BLOB_UNKNOWN' });
  t.regex(refused.text, new RegExp(sha256('not here')));
  t.is(
    (await client.manifest('a', 'outer', { ...outer, manifests: outer.manifests.slice(0, 1) }, types.index))
      .status,
    201,
  );
});

test('an index may name what is not there where the policy says so', async (t) => {
  const client = await openClient(t, { settings: { sparseIndexes: true } });
  const index = {
    schemaVersion: 2,
    mediaType: types.index,
    manifests: [sentOf('elsewhere', types.manifest)],
  };
  t.is((await client.manifest('a', 'sparse', index, types.index)).status, 201);
});

test('a manifest is refused whose blobs are not in the repository', async (t) => {
  const client = await openClient(t);
  const document = await parts(client, 'other');
  t.like(await client.manifest('a', 'v1', document), { status: 400, code: 'MANIFEST_BLOB_UNKNOWN' });
  t.like(await client.send('GET', '/v2/a/manifests/v1'), { status: 404, code: 'NAME_UNKNOWN' });
});

test('foreign layers need not be there', async (t) => {
  const client = await openClient(t);
  const { config, ...document } = await parts(client, 'a');
  const foreign = {
    ...sentOf('windows', 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip'),
    urls: ['https://example.com/layer'],
  };
  t.is((await client.manifest('a', 'v1', { ...document, config, layers: [foreign] })).status, 201);
  const lying = { ...foreign, mediaType: types.layer };
  t.is((await client.manifest('a', 'v1', { ...document, config, layers: [lying] })).status, 400);
});

const lies: Readonly<Record<string, (document: Record<string, unknown>) => unknown>> = {
  'is no object': () => [],
  'has no version': ({ schemaVersion: _, ...rest }) => rest,
  'is of schema 1': (document) => ({ ...document, schemaVersion: 1 }),
  'has no config': ({ config: _, ...rest }) => rest,
  'has no layers': ({ layers: _, ...rest }) => rest,
  'says another type': (document) => ({ ...document, mediaType: types.index }),
  'could be an index as well': (document) => ({ ...document, manifests: [] }),
  'has a layer without a size': (document) => ({
    ...document,
    layers: [{ mediaType: 'x', digest: sha256('') }],
  }),
  'has a subject that is none': (document) => ({ ...document, subject: 'x' }),
};
for (const [lie, tell] of Object.entries(lies)) {
  test(`a manifest that ${lie} is refused`, async (t) => {
    const client = await openClient(t);
    const document = await parts(client, 'a');
    t.like(await client.manifest('a', 'v1', tell({ ...document })), {
      status: 400,
      code: 'MANIFEST_INVALID',
    });
  });
}

test('what is no JSON, of another type, or too large is refused', async (t) => {
  const client = await openClient(t);
  const put = (body: string | Buffer, type = types.manifest) =>
    client.send('PUT', '/v2/a/manifests/v1', { body, headers: { 'content-type': type } });
  t.like(await put('{'), { status: 400, code: 'MANIFEST_INVALID' });
  t.like(await put('{}', 'text/plain'), { status: 400, code: 'MANIFEST_INVALID' });
  t.like(await put('{}', 'application/vnd.docker.distribution.manifest.v1+prettyjws'), {
    code: 'MANIFEST_INVALID',
  });
  t.like(await put(Buffer.alloc(4 * 1024 * 1024 + 1, ' ')), { status: 413, code: 'SIZE_INVALID' });
  t.like(await client.send('PUT', '/v2/a/manifests/-bad', { body: '{}' }), {
    status: 400,
    code: 'TAG_INVALID',
  });
});

test('a manifest of four megabytes is taken', async (t) => {
  const client = await openClient(t);
  const document = { ...(await parts(client, 'a')), annotations: { padding: 'x'.repeat(1 << 20) } };
  const pad = 4 * 1024 * 1024 - JSON.stringify(document).length;
  const body = JSON.stringify(document) + ' '.repeat(pad);
  const { status } = await client.send('PUT', '/v2/a/manifests/v1', {
    body,
    headers: { 'content-type': types.manifest },
  });
  t.is(status, 201);
});

test('a tag moves to another manifest, and who has the old one is told of the new', async (t) => {
  const client = await openClient(t);
  const one = await client.image('a', 'latest', 'one');
  const path = '/v2/a/manifests/latest';
  const same = await client.send('GET', path, { headers: { 'if-none-match': `"${one.digest}"` } });
  t.deepEqual([same.status, same.text], [304, '']);
  const two = await client.image('a', 'latest', 'two');
  const moved = await client.send('GET', path, { headers: { 'if-none-match': `"${one.digest}"` } });
  t.deepEqual([moved.status, moved.headers.get('docker-content-digest')], [200, two.digest]);
  t.is((await client.send('GET', `/v2/a/manifests/${one.digest}`)).status, 200);
});

test('a tag is deleted alone, a manifest with all of its tags', async (t) => {
  const client = await openClient(t);
  const { digest } = await client.image('a', 'v1', 'same');
  await client.image('a', 'v2', 'same');
  await client.image('a', 'other');
  t.is((await client.send('DELETE', '/v2/a/manifests/v1')).status, 202);
  t.is((await client.send('GET', '/v2/a/manifests/v1')).code, 'MANIFEST_UNKNOWN');
  t.is((await client.send('GET', '/v2/a/manifests/v2')).status, 200);
  t.is((await client.send('DELETE', `/v2/a/manifests/${digest}`)).status, 202);
  t.is((await client.send('GET', '/v2/a/manifests/v2')).status, 404);
  t.is((await client.send('GET', `/v2/a/manifests/${digest}`)).status, 404);
  t.is((await client.send('DELETE', `/v2/a/manifests/${digest}`)).status, 404);
  t.deepEqual(JSON.parse((await client.send('GET', '/v2/a/tags/list')).text).tags, ['other']);
});

test('what is not there is MANIFEST_UNKNOWN, or NAME_UNKNOWN where there is nothing at all', async (t) => {
  const client = await openClient(t);
  t.like(await client.send('GET', '/v2/none/manifests/v1'), { status: 404, code: 'NAME_UNKNOWN' });
  t.is((await client.send('HEAD', '/v2/none/manifests/v1')).status, 404);
  await client.image('a', 'v1');
  t.like(await client.send('GET', '/v2/a/manifests/v2'), { status: 404, code: 'MANIFEST_UNKNOWN' });
  t.like(await client.send('GET', `/v2/a/manifests/${sha256('x')}`), {
    status: 404,
    code: 'MANIFEST_UNKNOWN',
  });
  t.like(await client.send('GET', '/v2/a/manifests/sha256:12'), { status: 400, code: 'DIGEST_INVALID' });
});

test('tags are listed in order and in pages', async (t) => {
  const client = await openClient(t);
  const names = ['v1', 'v10', 'v2', 'A', 'latest', '_x'];
  for (const tag of names) await client.image('a', tag, 'same');
  const list = async (query: string) => {
    const { text, headers } = await client.send('GET', `/v2/a/tags/list${query}`);
    return [JSON.parse(text).tags, headers.get('link')] as const;
  };
  const sorted = ['A', '_x', 'latest', 'v1', 'v10', 'v2'];
  t.deepEqual(await list(''), [sorted, null]);
  t.deepEqual(await list('?n=0'), [[], null]);
  t.deepEqual(await list('?n=6'), [sorted, null]);
  t.deepEqual(await list('?last=v1'), [['v10', 'v2'], null]);
  const seen: string[] = [];
  let path = '/v2/a/tags/list?n=4';
  for (let page = 0; path && page < 5; page++) {
    const { text, headers } = await client.send('GET', path);
    seen.push(...JSON.parse(text).tags);
    path = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? '';
  }
  t.deepEqual(seen, sorted);
  t.like(await client.send('GET', '/v2/a/tags/list?n=x'), { status: 400, code: 'PAGINATION_NUMBER_INVALID' });
  t.like(await client.send('GET', '/v2/none/tags/list'), { status: 404, code: 'NAME_UNKNOWN' });
});

test('repositories are listed in order and in pages', async (t) => {
  const client = await openClient(t);
  const names = ['b', 'a/b', 'a', 'a-b', 'a/a/a'];
  for (const name of names) await client.image(name, 'v1');
  const sorted = [...names].sort();
  const seen: string[] = [];
  let path = '/v2/_catalog?n=2';
  for (let page = 0; path && page < 5; page++) {
    const { text, headers } = await client.send('GET', path);
    seen.push(...JSON.parse(text).repositories);
    path = /^<(.+)>; rel="next"$/.exec(headers.get('link') ?? '')?.[1] ?? '';
  }
  t.deepEqual(seen, sorted);
});

test('what refers to a manifest is listed, filtered by its type, and no longer when it is gone', async (t) => {
  const client = await openClient(t);
  const subject = await client.image('a', 'v1');
  const empty = await client.blob('a', '{}', 'application/vnd.oci.empty.v1+json');
  const refer = (artifactType: string | undefined, config = empty) =>
    client.manifest('a', '', {
      schemaVersion: 2,
      mediaType: types.manifest,
      ...(artifactType && { artifactType }),
      config,
      layers: [empty],
      subject,
      annotations: { of: artifactType ?? 'config' },
    });
  const sbom = await refer('application/spdx+json');
  t.deepEqual([sbom.status, sbom.headers.get('oci-subject')], [201, subject.digest]);
  const signature = await refer('application/signature');
  const byConfig = await refer(undefined, { ...empty, mediaType: 'application/by-config' });
  const list = async (query = '') => {
    const { text, headers } = await client.send('GET', `/v2/a/referrers/${subject.digest}${query}`);
    t.is(headers.get('content-type'), types.index);
    return {
      index: JSON.parse(text),
      filters: headers.get('oci-filters-applied'),
      link: headers.get('link'),
    };
  };
  const all = await list();
  t.is(all.filters, null);
  t.like(all.index, { schemaVersion: 2, mediaType: types.index });
  const expected = [sbom, signature, byConfig].map(({ digest }) => digest).sort();
  t.deepEqual(
    all.index.manifests.map(({ digest }: { digest: string }) => digest),
    expected,
  );
  const [one] = (await list('?artifactType=application/spdx%2Bjson')).index.manifests;
  t.deepEqual(one, {
    mediaType: types.manifest,
    digest: sbom.digest,
    size: sbom.size,
    artifactType: 'application/spdx+json',
    annotations: { of: 'application/spdx+json' },
  });
  t.is((await list('?artifactType=x')).filters, 'artifactType');
  t.is((await list('?artifactType=application/by-config')).index.manifests[0].digest, byConfig.digest);
  t.regex((await list('?n=2')).link ?? '', /last=sha256%3A/);
  await client.send('DELETE', `/v2/a/manifests/${sbom.digest}`);
  t.is((await list()).index.manifests.length, 2);
});

test('a subject need not be there, and nothing refers to what nobody named', async (t) => {
  const client = await openClient(t);
  const document = { ...(await parts(client, 'a')), subject: sentOf('later', types.manifest) };
  const { status, digest } = await client.manifest('a', '', document);
  t.is(status, 201);
  const list = async (subject: string, name = 'a') =>
    JSON.parse((await client.send('GET', `/v2/${name}/referrers/${subject}`)).text).manifests;
  t.is((await list(sha256('later')))[0].digest, digest);
  t.deepEqual(await list(sha256('nobody')), []);
  t.deepEqual(await list(sha256('nobody'), 'unknown'), []);
  t.like(await client.send('GET', '/v2/a/referrers/none'), { status: 400, code: 'DIGEST_INVALID' });
});

test('an index can refer to a subject, too', async (t) => {
  const client = await openClient(t);
  const subject = await client.image('a', 'v1');
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [], subject, artifactType: 'x/y' };
  const { headers } = await client.manifest('a', '', index, types.index);
  t.is(headers.get('oci-subject'), subject.digest);
  const { text } = await client.send('GET', `/v2/a/referrers/${subject.digest}`);
  t.like(JSON.parse(text).manifests[0], { mediaType: types.index, artifactType: 'x/y' });
});

test('what was listed under the fallback tag is a referrer once, and only if its subject is that', async (t) => {
  const client = await openClient(t);
  const subject = await client.image('a', 'v1');
  const other = await client.image('a', 'v2');
  const document = { ...(await parts(client, 'a')), subject };
  const { digest, size, mediaType } = await client.manifest('a', '', document);
  const index = { schemaVersion: 2, mediaType: types.index, manifests: [{ mediaType, digest, size }, other] };
  const tag = subject.digest.replace(':', '-');
  t.is((await client.manifest('a', tag, index, types.index)).status, 201);
  const { text } = await client.send('GET', `/v2/a/referrers/${subject.digest}`);
  t.deepEqual(
    JSON.parse(text).manifests.map((one: { digest: string }) => one.digest),
    [digest],
  );
});

test('an immutable tag is set once', async (t) => {
  const client = await openClient(t, { settings: { immutable: [{ scope: '*', tags: 'v*' }] } });
  const first = await client.image('a', 'v1', 'one');
  await client.image('a', 'v1', 'one');
  const again = await client.manifest('a', 'v1', await parts(client, 'a'));
  t.like(again, { status: 403, code: 'DENIED' });
  t.is((await client.send('GET', '/v2/a/manifests/v1')).headers.get('docker-content-digest'), first.digest);
  t.is((await client.send('DELETE', '/v2/a/manifests/v1')).status, 403);
  t.is((await client.send('DELETE', `/v2/a/manifests/${first.digest}`)).status, 403);
  await client.image('a', 'latest', 'one');
  await client.image('a', 'latest', 'two');
});

test('of many that set an immutable tag at once one succeeds', async (t) => {
  const client = await openClient(t, { settings: { immutable: [{ scope: 'a' }] } });
  const base = await parts(client, 'a');
  const replies = await Promise.all(
    Array.from({ length: 8 }, (_, at) =>
      client.manifest('a', 'v1', { ...base, annotations: { at: String(at) } }),
    ),
  );
  t.is(replies.filter(({ status }) => status === 201).length, 1);
  t.is(replies.filter(({ status }) => status === 403).length, 7);
});

/** A manifest document whose parts are there. */
async function parts(client: TestClient, name: string) {
  const config = await client.blob(name, '{"some":"config"}', types.config);
  const layer = await client.blob(name, 'some layer');
  return { schemaVersion: 2, mediaType: types.manifest, config, layers: [layer] };
}
