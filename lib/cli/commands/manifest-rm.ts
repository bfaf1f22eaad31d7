import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { forEachReporting } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  command.argument('<list...>').action(async (lists: string[]) => {
    const manifests = await cli.manifests();
    await forEachReporting(lists, (list) => manifests.remove(list));
  });
}
