import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { forEachReporting } from '../report-error.ts';
import { addStopFlags, type StopFlags, stopOptions } from '../stop-flags.ts';

export function define(command: Command, cli: Cli): void {
  addStopFlags(command)
    .argument('<container...>')
    .action(async (names: string[], flags: StopFlags) => {
      const { containers } = await cli.engine();
      await forEachReporting(names, async (name) => {
        await containers.restart(name, stopOptions(flags));
        stdout().write(`${name}\n`);
      });
    });
}
