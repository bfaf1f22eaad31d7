import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { forEachReporting } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --force', 'one that is not there is no failure')
    .argument('<name...>')
    .action(async (names: string[], { force = false }: { force?: boolean }) => {
      const { volumes } = await cli.engine();
      await forEachReporting(names, async (name) => {
        await volumes.remove(name, { force });
        stdout().write(`${name}\n`);
      });
    });
}
