import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { forEachReporting } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<container...>').action(async (names: string[]) => {
    const { containers } = await cli.engine();
    await forEachReporting(names, async (name) => {
      const { exitCode } = await containers.wait(name);
      stdout().write(`${exitCode}\n`);
    });
  });
}
