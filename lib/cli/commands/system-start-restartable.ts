import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { ExitCode, reportError } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  command.action(async () => {
    const { containers } = await cli.engine();
    let failed = false;
    for await (const { name, error } of containers.startRestartable()) {
      if (error === undefined) {
        stdout().write(`${name}\n`);
      } else {
        reportError(error, 1);
        failed = true;
      }
    }
    if (failed) throw new ExitCode(1);
  });
}
