import type { Command } from 'commander';
import type { Cli } from '../cli.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<source>', 'a name or an id')
    .argument('<target>', 'the further name')
    .action(async (source: string, target: string) => {
      const { images } = await cli.engine();
      await images.tag(source, target);
    });
}
