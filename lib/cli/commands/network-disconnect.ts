import type { Command } from 'commander';
import type { Cli } from '../cli.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --force', 'as without: a container that does not run is disconnected, too')
    .argument('<network>')
    .argument('<container>')
    .action(async (network: string, container: string) => {
      await (await cli.engine()).containers.disconnect(container, network);
    });
}
