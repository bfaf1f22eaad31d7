import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { confirm } from '../confirm.ts';
import { formatSize } from '../format.ts';
import { collect, parseImageFilters } from '../image-filters.ts';
import { stdout } from '../output.ts';
import { removedLine } from './rmi.ts';

interface PruneFlags {
  all?: true;
  filter?: string[];
  force?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all', 'all that no container has, not only those without a tag')
    .option('--filter <filter>', 'until=, label=, label!=', collect)
    .option('-f, --force', 'do not ask')
    .action(async (flags: PruneFlags) => {
      const filter = await parseImageFilters(flags.filter ?? [], ['until', 'label', 'dangling']);
      const all = flags.all === true || (flags.filter ?? []).includes('dangling=false');
      if (!flags.force) await confirm(all ? warnings.all : warnings.dangling);
      const { images } = await cli.engine();
      const { removed, bytes } = await images.prune({ all, filter });
      if (removed.length > 0) stdout().write(`Deleted Images:\n${removed.map(prunedLine).join('')}\n`);
      stdout().write(`Total reclaimed space: ${formatSize(bytes)}\n`);
    });
}

/** docker's words differ from those of rmi. */
export function prunedLine(step: Parameters<typeof removedLine>[0]): string {
  return removedLine(step, { untagged: 'untagged', deleted: 'deleted' });
}

const warnings = {
  all: 'This will remove all images without at least one container associated to them.',
  dangling: 'This will remove all dangling images.',
};
