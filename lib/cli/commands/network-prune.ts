import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { confirm } from '../confirm.ts';
import { collect } from '../image-filters.ts';
import { parseNetworkFilters } from '../network-filters.ts';
import { stdout } from '../output.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('--filter <filter>', 'label=', collect)
    .option('-f, --force', 'do not ask')
    .action(async ({ filter = [], force }: { filter?: string[]; force?: true }) => {
      const { label } = parseNetworkFilters(filter);
      if (!force) await confirm('This will remove all custom networks not used by at least one container.');
      const { networks } = await cli.engine();
      const removed = await networks.prune({ filters: { ...(label && { label }) } });
      if (removed.length > 0)
        stdout().write(`Deleted Networks:\n${removed.map((name) => `${name}\n`).join('')}`);
    });
}
