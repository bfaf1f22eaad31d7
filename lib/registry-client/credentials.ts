import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../errors/index.ts';
import { runCredentialHelper } from './credential-helper.ts';

/** What a registry is shown: a name and a password, a token to get tokens with, or the token itself. */
export type Credentials = { readonly source: string } & (
  | { readonly type: 'password'; readonly username: string; readonly password: string }
  | { readonly type: 'identityToken'; readonly token: string }
  | { readonly type: 'registryToken'; readonly token: string }
);

/** Credentials given by the caller, which take the place of any stored ones for the reference's own registry. */
export interface ExplicitCredentials {
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/** Docker Hub's key, kept from the days of its first API. */
const hubKey = 'https://index.docker.io/v1/';
const maxFileSize = 4 * 1024 * 1024;

/** What of Docker's configuration is about credentials, and all of it as it stands. */
export interface DockerConfig {
  readonly path: string;
  /** undefined: there is no such file. */
  readonly document: Readonly<Record<string, unknown>> | undefined;
  readonly auths: Readonly<Record<string, unknown>>;
  readonly credHelpers: Readonly<Record<string, unknown>>;
  readonly credsStore?: string;
}

/**
 * Looks up what `docker login` stored for a host and repository path: in `$DOCKER_CONFIG/config.json` or
 * `~/.docker/config.json`, by the helper of `credHelpers`, else of `credsStore`, else from `auths`. Keys may have a scheme
 * and a version (`https://host/v1/`), or a path, of which the longest that fits counts. Undefined when nothing is stored.
 * @throws EngineError ERR_CREDENTIALS_INVALID when the file or the helper cannot be used
 */
export async function findCredentials(
  host: string,
  path: string,
  options: { env: NodeJS.ProcessEnv; signal?: AbortSignal | undefined },
): Promise<Credentials | undefined> {
  const config = await readDockerConfig(options.env);
  const helper = helperFor(config, host);
  if (helper !== undefined) {
    const found = await runCredentialHelper(helper, serverKey(host), options);
    if (found !== undefined) return found;
  }
  return storedCredentials(config, host, path);
}

/** The caller's own credentials. @throws EngineError ERR_CREDENTIALS_INVALID when they are incomplete */
export function explicitCredentials(given: ExplicitCredentials): Credentials {
  const source = 'the credentials given';
  if (given.registryToken) return { type: 'registryToken', token: given.registryToken, source };
  if (given.identityToken) return { type: 'identityToken', token: given.identityToken, source };
  if (given.username && given.password !== undefined) {
    return { type: 'password', username: given.username, password: given.password, source };
  }
  throw new EngineError('ERR_CREDENTIALS_INVALID', 'credentials need a username and a password, or a token');
}

/** How Docker's file and its helpers call a registry. */
export function serverKey(host: string): string {
  return host === 'docker.io' ? hubKey : host;
}

/** @throws EngineError ERR_CREDENTIALS_INVALID when the file cannot be used */
export async function readDockerConfig(env: NodeJS.ProcessEnv): Promise<DockerConfig> {
  const path = join(env.DOCKER_CONFIG || join(env.HOME || homedir(), '.docker'), 'config.json');
  const value = await readJson(path);
  const { auths, credHelpers, credsStore } = asRecord(value);
  return {
    path,
    document: value === undefined ? undefined : asRecord(value),
    auths: asRecord(auths),
    credHelpers: asRecord(credHelpers),
    ...(typeof credsStore === 'string' && credsStore !== '' && { credsStore }),
  };
}

async function readJson(path: string): Promise<unknown> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > maxFileSize) throw new Error(`the file is larger than ${maxFileSize} bytes`);
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    // V8's own words quote the text around the fault, which may be a password.
    if (cause instanceof SyntaxError)
      throw unusable(path, 'it is not JSON; mend it, or log in anew without it');
    throw unusable(path, message, cause);
  }
}

/** The credential helper that answers for a host, if one does. */
export function helperFor(config: DockerConfig, host: string): string | undefined {
  const own = Object.entries(config.credHelpers).find(([key]) => normalizeKey(key) === host)?.[1];
  return typeof own === 'string' && own !== '' ? own : config.credsStore;
}

function storedCredentials(config: DockerConfig, host: string, path: string): Credentials | undefined {
  const name = `${host}/${path}`;
  const [best] = Object.entries(config.auths)
    .map(([key, entry]) => ({ key: normalizeKey(key), entry }))
    .filter(({ key }) => key === host || name === key || name.startsWith(`${key}/`))
    .sort((left, right) => right.key.length - left.key.length);
  return best && readEntry(asRecord(best.entry), config.path, best.key);
}

/** The registry that a key of `auths` means: `https://index.docker.io/v1/` is `docker.io`; `https://host:5000/v2/` is `host:5000`. */
export function normalizeKey(key: string): string {
  const bare = key
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '')
    .replace(/\/v[12]$/, '');
  return /^(index\.docker\.io|registry-1\.docker\.io)$/.test(bare) ? 'docker.io' : bare;
}

function readEntry(entry: Record<string, unknown>, path: string, key: string): Credentials | undefined {
  const text = (name: string) => {
    const value = entry[name];
    return typeof value === 'string' && value !== '' ? value : undefined;
  };
  const source = path;
  const registryToken = text('registrytoken');
  if (registryToken) return { type: 'registryToken', token: registryToken, source };
  const identityToken = text('identitytoken');
  if (identityToken) return { type: 'identityToken', token: identityToken, source };
  const auth = text('auth');
  const [username, password] = auth ? decodeAuth(auth, path, key) : [text('username'), text('password')];
  if (!username || password === undefined) return undefined;
  return { type: 'password', username, password, source };
}

/** `auth` is base64 of `username:password`; the password may have colons, and Docker pads old entries with NULs. */
function decodeAuth(auth: string, path: string, key: string): [string, string] {
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon <= 0)
    throw unusable(path, `auths[${JSON.stringify(key)}].auth is not base64 of username:password`);
  return [text.slice(0, colon), text.slice(colon + 1).replace(/\0+$/, '')];
}

function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

function unusable(path: string, reason: string, cause?: unknown): EngineError {
  return new EngineError('ERR_CREDENTIALS_INVALID', `cannot use the credentials in ${path}: ${reason}`, {
    cause,
    details: { path },
  });
}
