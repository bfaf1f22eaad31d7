import { join } from 'node:path';
import type { Command } from 'commander';
import {
  AccountStore,
  isS3Url,
  openLocalStorage,
  openS3Storage,
  parseS3Url,
  type RegistryStorage,
} from '../registry-server/index.ts';
import type { Cli } from './cli.ts';

export interface StoreFlags {
  storage?: string;
}

/** Adds the flag by which a registry's directory, or bucket, is named. */
export function withStorage(command: Command): Command {
  return command.option(
    '--storage <directory>',
    "the registry's directory (default: registry, below --root), or s3://BUCKET/PREFIX",
  );
}

export async function openRegistryStorage(cli: Cli, { storage }: StoreFlags): Promise<RegistryStorage> {
  if (storage !== undefined && isS3Url(storage)) return openS3Storage(parseS3Url(storage));
  return openLocalStorage(storage ?? join(await cli.rootPath(), 'registry'));
}

/** Runs what changes or lists accounts; servers that run see it within a second. */
export async function withAccounts(
  cli: Cli,
  flags: StoreFlags,
  work: (accounts: AccountStore) => Promise<void>,
): Promise<void> {
  await using storage = await openRegistryStorage(cli, flags);
  await work(new AccountStore(storage));
}
