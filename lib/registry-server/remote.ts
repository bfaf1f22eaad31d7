import { readFile } from 'node:fs/promises';
import { type Config, defaultConfig } from '../config/index.ts';
import type { ImageReference } from '../reference/index.ts';
import type { RepositoryOptions } from '../registry-client/index.ts';

/** Another registry: a host, or a URL with a path before its repositories, and who we are there. */
export interface RemoteSettings {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly passwordFile?: string | undefined;
  /** Path of a PEM file. */
  readonly ca?: string | undefined;
}

/** A repository of another registry, and how its client is opened. */
export async function remoteRepository(
  address: string,
  name: string,
  settings: RemoteSettings,
): Promise<{ readonly reference: ImageReference; readonly options: RepositoryOptions }> {
  const url = new URL(address.includes('://') ? address : `https://${address}`);
  const path = [...url.pathname.split('/').filter(Boolean), name].join('/');
  const { username, passwordFile } = settings;
  const password =
    settings.password ??
    (passwordFile === undefined ? undefined : (await readFile(passwordFile, 'utf8')).trim());
  const credentials = username !== undefined && password !== undefined ? { username, password } : undefined;
  return {
    reference: { domain: url.host, path, tag: 'latest' },
    options: {
      config: configOf(url, settings.ca),
      userAgent: 'strake-registry',
      ...(credentials && { credentials }),
    },
  };
}

/** Somebody waits meanwhile, or it is tried again later: no long insisting. */
function configOf(url: URL, ca: string | undefined): Config {
  const entry = {
    ...(url.protocol === 'http:' && { insecure: true }),
    ...(ca !== undefined && { tls: { ca } }),
  };
  const downloads = { ...defaultConfig.downloads, attempts: 2 };
  return { ...defaultConfig, downloads, registries: { [url.host]: entry } };
}
