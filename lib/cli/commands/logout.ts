import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('[registry]', 'host, and port if need be; Docker Hub by default')
    .action(async (registry = 'docker.io') => {
      const found = await (await cli.registries()).logout(registry);
      stdout().write(
        found ? `Removing login credentials for ${registry}\n` : `Not logged in to ${registry}\n`,
      );
    });
}
