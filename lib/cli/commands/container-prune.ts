import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { confirm } from '../confirm.ts';
import { formatSize } from '../format.ts';
import { collect } from '../image-filters.ts';
import { stdout } from '../output.ts';
import { parsePruneFilters } from '../prune-filters.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('--filter <filter>', 'until=, label=, label!=', collect)
    .option('-f, --force', 'do not ask')
    .action(async (flags: { filter?: string[]; force?: true }) => {
      const filter = await parsePruneFilters(flags.filter ?? []);
      if (!flags.force) await confirm('This will remove all stopped containers.');
      const { containers } = await cli.engine();
      const { removed, bytes } = await containers.prune({ filter });
      if (removed.length > 0)
        stdout().write(`Deleted Containers:\n${removed.map((id) => `${id}\n`).join('')}\n`);
      stdout().write(`Total reclaimed space: ${formatSize(bytes)}\n`);
    });
}
