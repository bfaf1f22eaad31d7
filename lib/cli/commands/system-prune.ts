import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { confirm } from '../confirm.ts';
import { formatSize } from '../format.ts';
import { collect } from '../image-filters.ts';
import { stdout } from '../output.ts';
import { parsePruneFilters } from '../prune-filters.ts';
import { prunedLine } from './image-prune.ts';

interface PruneFlags {
  all?: true;
  filter?: string[];
  force?: true;
  volumes?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all', 'all images that no container has, not only those without a tag')
    .option('--filter <filter>', 'until=, label=, label!=', collect)
    .option('-f, --force', 'do not ask')
    .option('--volumes', 'anonymous volumes that no container has, too')
    .action(async (flags: PruneFlags) => {
      const filter = await parsePruneFilters(flags.filter ?? []);
      if (!flags.force) await confirm(warningOf(flags));
      const { system } = await cli.engine();
      const [all, volumes] = [flags.all === true, flags.volumes === true];
      const pruned = await system.prune({ all, volumes, filter });
      stdout().write(
        [
          list('Deleted Containers', pruned.containers),
          list('Deleted Volumes', pruned.volumes),
          list('Deleted Images', pruned.images.map(prunedLine)),
          `Total reclaimed space: ${formatSize(pruned.bytes)}\n`,
        ].join(''),
      );
    });
}

function list(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  return `${title}:\n${lines.map((line) => `${line.trimEnd()}\n`).join('')}\n`;
}

function warningOf({ all, volumes }: PruneFlags): string {
  const goes = [
    'all stopped containers',
    ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
    all ? 'all images without at least one container associated to them' : 'all dangling images',
    'what nothing refers to, such as the remains of interrupted pulls',
  ];
  return `This will remove:\n${goes.map((what) => `  - ${what}\n`).join('')}`;
}
