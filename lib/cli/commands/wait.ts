import { type Command, Option } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { forEachReporting } from '../report-error.ts';

const conditions = ['not-running', 'next-exit', 'removed'] as const;

export function define(command: Command, cli: Cli): void {
  command
    .addOption(
      new Option('--condition <condition>', 'what is waited for').choices(conditions).default('not-running'),
    )
    .argument('<container...>')
    .action(async (names: string[], { condition }: { condition: (typeof conditions)[number] }) => {
      const { containers } = await cli.engine();
      await forEachReporting(names, async (name) => {
        const { state } = await containers.inspect(name);
        const isIdle = condition === 'not-running' && state.status === 'created'; // docker's: it is not running
        const { exitCode } = isIdle ? { exitCode: 0 } : await containers.wait(name, { condition });
        stdout().write(`${exitCode}\n`);
      });
    });
}
