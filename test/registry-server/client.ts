import { createHash } from 'node:crypto';
import type { ExecutionContext } from 'ava';
import {
  AccountStore,
  hashPassword,
  openRegistry,
  type Registry,
  type RegistryOptions,
} from '../../lib/registry-server/index.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';

export const types = {
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  index: 'application/vnd.oci.image.index.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
  dockerManifest: 'application/vnd.docker.distribution.manifest.v2+json',
  dockerList: 'application/vnd.docker.distribution.manifest.list.v2+json',
};

/** A registry with a store on disk, and a plain HTTP client of it. */
export interface TestClient {
  readonly registry: Registry;
  readonly folder: string;
  /** `path` begins behind the host. */
  send(method: string, path: string, options?: SendOptions): Promise<Reply>;
  /** Uploads a blob in one request; answers its descriptor. */
  blob(name: string, content: string | Buffer, mediaType?: string): Promise<Sent>;
  /** Puts a manifest. */
  manifest(name: string, reference: string, document: unknown, mediaType?: string): Promise<Reply & Sent>;
  /** A whole image with one layer. */
  image(name: string, tag: string, content?: string): Promise<Sent>;
}

export interface SendOptions {
  readonly headers?: Record<string, string>;
  readonly body?: string | Buffer;
}

export interface Reply {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly bytes: Buffer;
  /** Of an error document. */
  readonly code: string | undefined;
}

export interface Sent {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

export async function openClient(
  t: ExecutionContext,
  options: RegistryOptions = {},
  login?: string,
): Promise<TestClient> {
  const folder = temporaryFolder(t);
  const registry = await openRegistry({ storage: folder, ...options });
  t.teardown(() => registry.close(100));
  return clientOf(registry, folder, login);
}

export function clientOf(registry: Registry, folder: string, login?: string): TestClient {
  const authorization = login && { authorization: `Basic ${Buffer.from(login).toString('base64')}` };
  const send: TestClient['send'] = async (method, path, { headers = {}, body } = {}) => {
    const response = await fetch(`${registry.url}${path}`, {
      method,
      headers: { ...authorization, ...headers },
      redirect: 'manual',
      ...(body !== undefined && { body: body as string }),
    });
    const bytes = Buffer.from(await response.arrayBuffer());
    const text = bytes.toString();
    return { status: response.status, headers: response.headers, text, bytes, code: codeOf(text) };
  };
  const client: TestClient = {
    registry,
    folder,
    send,
    blob: async (name, content, mediaType = types.layer) => {
      const sent = sentOf(content, mediaType);
      const path = `/v2/${name}/blobs/uploads/?digest=${sent.digest}`;
      const { status, text } = await send('POST', path, { body: content });
      if (status !== 201) throw new Error(`${status}: ${text}`);
      return sent;
    },
    manifest: async (name, reference, document, mediaType = types.manifest) => {
      const body = JSON.stringify(document);
      const sent = sentOf(body, mediaType);
      const path = `/v2/${name}/manifests/${reference === '' ? sent.digest : reference}`;
      return { ...(await send('PUT', path, { body, headers: { 'content-type': mediaType } })), ...sent };
    },
    image: async (name, tag, content = tag) => {
      const config = await client.blob(name, `{"of":${JSON.stringify(content)}}`, types.config);
      const layer = await client.blob(name, `layer of ${content}`);
      const document = { schemaVersion: 2, mediaType: types.manifest, config, layers: [layer] };
      const { status, text, mediaType, digest, size } = await client.manifest(name, tag, document);
      if (status !== 201) throw new Error(`${status}: ${text}`);
      return { mediaType, digest, size };
    },
  };
  return client;
}

/** Of passwords: each costs a tenth of a second, and much more where many tests run. */
const hashes = new Map<string, Promise<string>>();

/** Users, each of whose password is the name, and whether they are administrators. */
export async function addUsers(
  { storage }: Registry,
  users: Readonly<Record<string, boolean>>,
): Promise<AccountStore> {
  const accounts = new AccountStore(storage);
  const createdAt = new Date().toISOString();
  for (const [name, isAdmin] of Object.entries(users)) {
    const hash = hashes.get(name) ?? hashPassword(name);
    hashes.set(name, hash);
    await accounts.putUser({ name, password: await hash, groups: [], isAdmin, createdAt });
  }
  return accounts;
}

export function sentOf(content: string | Buffer, mediaType = types.layer): Sent {
  return { mediaType, digest: sha256(content), size: Buffer.byteLength(content) };
}

export function sha256(content: string | Buffer): string {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

export function sha512(content: string | Buffer): string {
  return `sha512:${createHash('sha512').update(content).digest('hex')}`;
}

function codeOf(text: string): string | undefined {
  try {
    return JSON.parse(text).errors?.[0]?.code;
  } catch {
    return undefined;
  }
}
