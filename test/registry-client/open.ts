import { type Config, defaultConfig, type RegistryConfig } from '../../lib/config/index.ts';
import { parseReference } from '../../lib/reference/index.ts';
import {
  openRemoteRepository,
  type RemoteRepository,
  type RepositoryOptions,
} from '../../lib/registry-client/index.ts';

export type TestOptions = Omit<RepositoryOptions, 'config'> & { registries?: Record<string, RegistryConfig> };

/** A repository with no credentials or proxies from this machine, and with short waits. */
export function open(reference: string, { registries = {}, ...options }: TestOptions = {}): RemoteRepository {
  const config: Config = { ...defaultConfig, registries };
  const env = { DOCKER_CONFIG: '/nonexistent', PATH: process.env.PATH };
  const retry = { attempts: 3, baseDelay: 5, maxDelay: 20 };
  return openRemoteRepository(parseReference(reference), { config, env, retry, ...options });
}

export async function readAll(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of body) pieces.push(piece);
  return Buffer.concat(pieces);
}
