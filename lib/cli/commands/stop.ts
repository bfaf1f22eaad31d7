import type { Command } from 'commander';
import { isEngineError } from '../../errors/index.ts';
import type { Cli } from '../cli.ts';
import { defined } from '../container-options.ts';
import { invalidFlag } from '../flag-values.ts';
import { stdout } from '../output.ts';
import { forEachReporting } from '../report-error.ts';

interface StopFlags {
  signal?: string;
  time?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-s, --signal <signal>', 'instead of its stop signal')
    .option('-t, --time <seconds>', 'wait before SIGKILL; -1: for ever')
    .argument('<container...>')
    .action(async (names: string[], flags: StopFlags) => {
      const { containers } = await cli.engine();
      const options = defined({ stopSignal: flags.signal, timeout: seconds(flags.time) });
      await forEachReporting(names, async (name) => {
        await containers.stop(name, options).catch(notRunning);
        stdout().write(`${name}\n`);
      });
    });
}

/** As docker has it: what is stopped already is no error. */
function notRunning(error: unknown): void {
  if (!isEngineError(error, 'ERR_CONTAINER_STATE')) throw error;
}

function seconds(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^-?\d+$/.test(text)) return Number(text);
  throw invalidFlag('--time', text, 'write seconds');
}
