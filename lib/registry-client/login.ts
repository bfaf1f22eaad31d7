import { randomBytes } from 'node:crypto';
import { mkdir, open, realpath, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { EngineError, isEngineError } from '../errors/index.ts';
import { Connection, type RepositoryOptions } from './connection.ts';
import { eraseWithHelper, storeWithHelper } from './credential-helper.ts';
import {
  type ExplicitCredentials,
  helperFor,
  normalizeKey,
  readDockerConfig,
  serverKey,
} from './credentials.ts';
import { type Registry, readRegistry } from './registry-name.ts';
import { discard } from './transport.ts';

export interface Login {
  readonly username: string;
  readonly password: string;
}

/** Where a login is kept. */
export type StoredLogin =
  /** By this program, `docker-credential-…`. */
  | { readonly in: 'helper'; readonly helper: string }
  /** In this file, readable by its owner alone, but not encrypted. */
  | { readonly in: 'file'; readonly path: string };

/**
 * Shows a registry a name and password, and keeps them once it has accepted them: with the credential helper that Docker's
 * configuration names for it, otherwise in that configuration (`~/.docker/config.json`), where docker and podman find
 * them, too. A registry that asks nobody for credentials accepts any.
 * @throws EngineError ERR_REGISTRY_UNAUTHORIZED when they are rejected; ERR_REGISTRY_*; ERR_CREDENTIALS_INVALID when the
 * configuration or the helper cannot be used; ERR_REFERENCE_INVALID
 */
export async function login(
  registry: string,
  given: Login,
  options: RepositoryOptions = {},
): Promise<StoredLogin> {
  const target = readRegistry(registry);
  const env = options.env ?? process.env;
  const config = await readDockerConfig(env);
  await tryLogin(target, given, options);
  const helper = helperFor(config, target.domain);
  const server = serverKey(target.domain);
  if (helper === undefined) {
    const auth = Buffer.from(`${given.username}:${given.password}`).toString('base64');
    await writeAuths(env, target.domain, { [server]: { auth } });
    return { in: 'file', path: config.path };
  }
  await storeWithHelper(helper, server, given, { env, signal: options.signal });
  await writeAuths(env, target.domain, { [server]: {} });
  return { in: 'helper', helper: `docker-credential-${helper}` };
}

/** The first half of login(): shows a registry a name and password, and keeps nothing. The same errors. */
export async function verifyLogin(
  registry: string,
  given: ExplicitCredentials,
  options: RepositoryOptions = {},
): Promise<void> {
  await tryLogin(readRegistry(registry), given, options);
}

/** Forgets what is kept for a registry, by helper and file. Whether there was something. */
export async function logout(registry: string, options: RepositoryOptions = {}): Promise<boolean> {
  const { domain } = readRegistry(registry);
  const env = options.env ?? process.env;
  const config = await readDockerConfig(env);
  const helper = helperFor(config, domain);
  const erased =
    helper !== undefined &&
    (await eraseWithHelper(helper, serverKey(domain), { env, signal: options.signal }));
  const inFile = Object.keys(config.auths).some((key) => normalizeKey(key) === domain);
  if (inFile) await writeAuths(env, domain, {});
  return inFile || erased;
}

/** @throws EngineError ERR_REGISTRY_UNAUTHORIZED; ERR_REGISTRY_* */
async function tryLogin(
  { domain, reference }: Registry,
  given: ExplicitCredentials,
  options: RepositoryOptions,
) {
  await using connection = new Connection(reference, { ...options, credentials: given }, { whole: true });
  const [host] = connection.hosts;
  const request = { method: 'GET', path: '', subject: { name: `${domain}/v2/`, kind: 'manifest' } } as const;
  try {
    await host?.request({ ...request, signal: options.signal }, discard);
  } catch (error) {
    throw isEngineError(error, 'ERR_REGISTRY_UNAUTHORIZED') || isEngineError(error, 'ERR_REGISTRY_DENIED')
      ? rejected(domain, given, error)
      : error;
  }
}

/** Replaces the entries of one registry; all else in the file stays, also what came in while the registry was asked. */
async function writeAuths(
  env: NodeJS.ProcessEnv,
  domain: string,
  entries: Readonly<Record<string, unknown>>,
): Promise<void> {
  const { path, document = {}, auths } = await readDockerConfig(env);
  const others = Object.entries(auths).filter(([key]) => normalizeKey(key) !== domain);
  const changed = { ...document, auths: { ...Object.fromEntries(others), ...entries } };
  await writePrivate(path, `${JSON.stringify(changed, undefined, '\t')}\n`);
}

/** Whole or not at all, for its owner alone; a link is followed to the file that it stands for. */
async function writePrivate(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const real = await realpath(path).catch(() => path);
  const draft = `${real}.${randomBytes(6).toString('hex')}`;
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, real);
  } catch (cause) {
    await rm(draft, { force: true });
    throw new EngineError(
      'ERR_CREDENTIALS_INVALID',
      `cannot keep the login in ${path}: ${(cause as Error).message}; name another folder in DOCKER_CONFIG`,
      { cause, details: { path } },
    );
  }
}

function rejected(
  domain: string,
  { username = 'the token' }: ExplicitCredentials,
  cause: unknown,
): EngineError {
  return new EngineError(
    'ERR_REGISTRY_UNAUTHORIZED',
    `${domain} does not accept this password for ${username}: check both; some registries want an access token in its place`,
    { cause, details: { registry: domain, username } },
  );
}
