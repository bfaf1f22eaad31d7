import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addInspectFlags, inspectAll } from './inspect.ts';

export function define(command: Command, cli: Cli): void {
  addInspectFlags(command)
    .option('-s, --size', 'with what it takes on disk')
    .action((names: string[], flags: { format?: string; size?: true }) =>
      inspectAll(cli, names, { ...flags, type: 'container' }),
    );
}
