import type { Command } from 'commander';
import { isEngineError } from '../../errors/index.ts';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { forEachReporting } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --force', 'one that is not there is no failure')
    .argument('<name...>')
    .action(async (names: string[], { force = false }: { force?: boolean }) => {
      const { networks } = await cli.engine();
      await forEachReporting(names, async (name) => {
        await networks.remove(name).catch((error: unknown) => {
          if (!force || !isEngineError(error, 'ERR_NETWORK_NOT_FOUND')) throw error;
        });
        stdout().write(`${name}\n`);
      });
    });
}
