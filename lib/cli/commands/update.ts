import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defined } from '../container-options.ts';
import { invalidFlag } from '../flag-values.ts';
import { addLimitFlags, type LimitFlags, limitsOf } from '../limit-flags.ts';
import { forEachReporting } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  addLimitFlags(command)
    .argument('<container...>')
    .action(async (names: string[], flags: LimitFlags) => {
      const limits = defined(limitsOf(flags));
      if (Object.keys(limits).length === 0)
        throw invalidFlag('update', '', 'say what to change, for example --memory 512m');
      const { containers } = await cli.engine();
      await forEachReporting(names, async (name) => {
        await containers.update(name, { limits });
        process.stdout.write(`${name}\n`);
      });
    });
}
