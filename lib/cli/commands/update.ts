import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defined } from '../container-options.ts';
import { invalidFlag, parseRestartFlag } from '../flag-values.ts';
import { addLimitFlags, type LimitFlags, limitsOf } from '../limit-flags.ts';
import { stdout } from '../output.ts';
import { forEachReporting } from '../report-error.ts';

interface UpdateFlags extends LimitFlags {
  restart?: string;
}

export function define(command: Command, cli: Cli): void {
  addLimitFlags(command)
    .option('--restart <policy>', 'no, always, unless-stopped, on-failure[:RETRIES]')
    .argument('<container...>')
    .action(async (names: string[], flags: UpdateFlags) => {
      const limits = defined(limitsOf(flags));
      const restart = flags.restart === undefined ? undefined : parseRestartFlag(flags.restart);
      if (Object.keys(limits).length === 0 && !restart)
        throw invalidFlag('update', '', 'say what to change, for example --memory 512m');
      const { containers } = await cli.engine();
      await forEachReporting(names, async (name) => {
        await containers.update(name, defined({ limits, restart }));
        stdout().write(`${name}\n`);
      });
    });
}
