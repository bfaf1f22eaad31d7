import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import * as info from './info.ts';

/** Docker's `system` group, as far as it is here. */
export function define(command: Command, cli: Cli): void {
  const summary = 'show what this engine and this machine can do, and what would help';
  info.define(
    command.command('info').summary(summary).description(summary).helpOption('--help', 'show help'),
    cli,
  );
}
