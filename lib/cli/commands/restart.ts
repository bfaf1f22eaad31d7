import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defined } from '../container-options.ts';
import { secondsFlag } from '../flag-values.ts';
import { forEachReporting } from '../report-error.ts';

interface RestartFlags {
  signal?: string;
  time?: number;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-s, --signal <signal>', 'instead of its stop signal')
    .option('-t, --time <seconds>', 'wait before SIGKILL; -1: for ever', secondsFlag('--time'))
    .argument('<container...>')
    .action(async (names: string[], flags: RestartFlags) => {
      const { containers } = await cli.engine();
      await forEachReporting(names, async (name) => {
        await containers.restart(name, defined({ stopSignal: flags.signal, timeout: flags.time }));
        process.stdout.write(`${name}\n`);
      });
    });
}
