import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addContainerFlags, type ContainerFlags } from '../container-flags.ts';
import { stdout } from '../output.ts';
import { addAttachFlag, createFromFlags } from './run.ts';

export function define(command: Command, cli: Cli): void {
  addAttachFlag(addContainerFlags(command))
    .argument('<image>', 'a name in a registry, @host, or @/dir')
    .argument('[command...]')
    .passThroughOptions()
    .action(async (image: string, argv: string[], flags: ContainerFlags) => {
      const container = await createFromFlags(await cli.engine(), image, argv, flags);
      stdout().write(`${container.id}\n`);
    });
}
