import { type Sent, type TestClient, types } from './client.ts';

/** What an image of one platform is made with. */
export interface SampleOptions {
  readonly architecture?: string;
  /** Bytes of its last layer. */
  readonly size?: number;
}

/** An image with a history, as a Dockerfile makes it: two layers, and steps that made none. */
export async function pushSample(
  client: TestClient,
  name: string,
  reference: string,
  { architecture = 'amd64', size = 20_000 }: SampleOptions = {},
): Promise<Sent> {
  const base = await client.blob(name, Buffer.alloc(90_000, `base of ${architecture}`));
  const top = await client.blob(name, Buffer.alloc(size, `program ${name} ${reference} ${architecture}`));
  const created = '2026-11-20T10:00:00Z';
  const config = {
    architecture,
    os: 'linux',
    created,
    config: {
      User: 'app',
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'NODE_ENV=production'],
      Entrypoint: ['/usr/bin/node'],
      Cmd: ['server.js', '--port=8080'],
      WorkingDir: '/app',
      ExposedPorts: { '8080/tcp': {} },
      Labels: { 'org.opencontainers.image.source': 'https://git.example.com/team/app' },
    },
    rootfs: { type: 'layers', diff_ids: [`sha256:${'a'.repeat(64)}`, `sha256:${'b'.repeat(64)}`] },
    history: [
      { created, created_by: 'ADD rootfs.tar.xz / # buildkit', comment: 'debuerreotype 0.15' },
      { created, created_by: 'ENV NODE_ENV=production', empty_layer: true },
      { created, created_by: 'COPY . /app # buildkit' },
      { created, created_by: 'ENTRYPOINT ["/usr/bin/node"]', empty_layer: true },
      { created, created_by: 'CMD ["server.js" "--port=8080"]', empty_layer: true },
    ],
  };
  const sent = await client.blob(name, JSON.stringify(config), types.config);
  const document = { schemaVersion: 2, mediaType: types.manifest, config: sent, layers: [base, top] };
  return requireCreated(await client.manifest(name, reference, document));
}

/** An image of two platforms, with BuildKit's attestation. */
export async function pushIndex(client: TestClient, name: string, tag: string): Promise<Sent> {
  const manifests = [];
  for (const architecture of ['amd64', 'arm64']) {
    const sent = await pushSample(client, name, '', { architecture });
    manifests.push({ ...sent, platform: { os: 'linux', architecture } });
  }
  const { mediaType, digest, size } = await pushAbout(
    client,
    name,
    undefined,
    'application/vnd.in-toto+json',
  );
  const annotations = { 'vnd.docker.reference.type': 'attestation-manifest' };
  const platform = { os: 'unknown', architecture: 'unknown' };
  manifests.push({ mediaType, digest, size, platform, annotations });
  const document = { schemaVersion: 2, mediaType: types.index, manifests };
  return requireCreated(await client.manifest(name, tag, document, types.index));
}

/** An artifact about something: a signature, a bill of materials. */
export async function pushAbout(
  client: TestClient,
  name: string,
  subject: Sent | undefined,
  artifactType: string,
): Promise<Sent> {
  const config = await client.blob(name, '{}', 'application/vnd.oci.empty.v1+json');
  const layer = await client.blob(name, `{"of":"${artifactType}"}`, artifactType);
  const document = {
    schemaVersion: 2,
    mediaType: types.manifest,
    artifactType,
    config,
    layers: [layer],
    ...(subject && { subject }),
    annotations: { 'org.opencontainers.image.created': '2026-11-20T10:05:00Z' },
  };
  return requireCreated(await client.manifest(name, '', document));
}

function requireCreated({
  status,
  text,
  mediaType,
  digest,
  size,
}: { status: number; text: string } & Sent): Sent {
  if (status !== 201) throw new Error(`${status}: ${text}`);
  return { mediaType, digest, size };
}
