import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addInspectFlags, inspectAll } from './inspect.ts';

export function define(command: Command, cli: Cli): void {
  addInspectFlags(command)
    .option('--platform <os/arch>', 'of an image that is here for several platforms the one for this')
    .action((names: string[], flags: { format?: string; platform?: string }) =>
      inspectAll(cli, names, { ...flags, type: 'image' }),
    );
}
