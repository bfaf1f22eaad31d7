import type { Command } from 'commander';
import type { Cli } from '../cli.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<container>')
    .argument('<name>')
    .action(async (container: string, name: string) => {
      await (await cli.engine()).containers.rename(container, name);
    });
}
