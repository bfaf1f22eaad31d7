import type { Command } from 'commander';
import { isEngineError } from '../../errors/index.ts';
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
        await containers.stop(name, stopOptions(flags)).catch(notRunning);
        stdout().write(`${name}\n`);
      });
    });
}

/** As docker has it: what is stopped already is no error. */
function notRunning(error: unknown): void {
  if (!isEngineError(error, 'ERR_CONTAINER_STATE')) throw error;
}
