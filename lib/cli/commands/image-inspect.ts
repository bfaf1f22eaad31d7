import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { addInspectFlags, inspectAll } from './inspect.ts';

export function define(command: Command, cli: Cli): void {
  addInspectFlags(command).action((names: string[], flags: { format?: string }) =>
    inspectAll(cli, names, { ...flags, type: 'image' }),
  );
}
