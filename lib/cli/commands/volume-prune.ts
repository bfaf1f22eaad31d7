import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { confirm } from '../confirm.ts';
import { formatSize } from '../format.ts';
import { collect } from '../image-filters.ts';
import { stdout } from '../output.ts';
import { parseVolumeFilters } from '../volume-filters.ts';

interface PruneFlags {
  all?: true;
  filter?: string[];
  force?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all', 'all that no container has, not only anonymous ones')
    .option('--filter <filter>', 'label=, label!=, all=', collect)
    .option('-f, --force', 'do not ask')
    .action(async (flags: PruneFlags) => {
      const { all: asked, ...filters } = parseVolumeFilters(flags.filter ?? [], ['label', 'label!', 'all']);
      const all = flags.all === true || asked === true;
      if (!flags.force)
        await confirm(
          `This will remove ${all ? 'all' : 'anonymous'} local volumes not used by at least one container.`,
        );
      const { volumes } = await cli.engine();
      const { removed, bytes } = await volumes.prune({ all, filters });
      if (removed.length > 0)
        stdout().write(`Deleted Volumes:\n${removed.map((name) => `${name}\n`).join('')}\n`);
      stdout().write(`Total reclaimed space: ${formatSize(bytes)}\n`);
    });
}
