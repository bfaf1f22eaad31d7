import type { Command } from 'commander';
import { interruptible } from '../archive-input.ts';
import { refuseTerminal, writeOutput } from '../archive-output.ts';
import type { Cli } from '../cli.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-o, --output <file>', 'write to a file instead of stdout')
    .argument('<container>')
    .action(async (name: string, { output }: { output?: string }) => {
      refuseTerminal(output);
      await interruptible(cli, 'export', ({ containers }, signal) =>
        writeOutput(containers.export(name, { signal }), output),
      );
    });
}
