import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { forEachReporting } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-s, --signal <signal>', 'which signal', 'SIGKILL')
    .argument('<container...>')
    .action(async (names: string[], { signal }: { signal: string }) => {
      const { containers } = await cli.engine();
      await forEachReporting(names, async (name) => {
        await containers.kill(name, signal);
        stdout().write(`${name}\n`);
      });
    });
}
