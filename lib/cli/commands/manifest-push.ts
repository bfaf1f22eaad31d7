import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { untilInterrupted } from '../until-interrupted.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-p, --purge', 'delete the list in the making afterwards')
    .option('--insecure', 'ignored: see registries in the configuration')
    .argument('<list>')
    .action(async (list: string, flags: { purge?: true }) => {
      const manifests = await cli.manifests();
      await untilInterrupted(
        'push interrupted; what the registry has got is not sent again',
        async (signal) => {
          const { digest } = await manifests.push(list, { purge: flags.purge === true, signal });
          stdout().write(`${digest}\n`);
        },
      );
    });
}
