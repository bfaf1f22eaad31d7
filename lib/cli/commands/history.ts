import type { Command } from 'commander';
import type { ImageHistory } from '../../images/index.ts';
import type { Cli } from '../cli.ts';
import { formatAge, formatSize, formatTable, printable } from '../format.ts';
import { onPlatform, shortId } from '../image-names.ts';
import { stdout } from '../output.ts';
import { compileTemplate } from '../template.ts';

interface HistoryFlags {
  format?: string;
  human: boolean;
  platform?: string;
  quiet?: true;
  trunc: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--format <format>', 'json, table, or a template such as {{.ID}} {{.CreatedBy}}')
    .option('-H, --human', 'sizes and times for people', true)
    .option('--no-human', 'bytes and RFC 3339')
    .option('--no-trunc', 'show all of ids and commands')
    .option('--platform <os/arch>', 'of an image that is here for several platforms the one for this')
    .option('-q, --quiet', 'only ids')
    .argument('<image>')
    .action(async (name: string, flags: HistoryFlags) => {
      const { images } = await cli.engine();
      const rows = (await images.history(await onPlatform(images, name, flags.platform))).map((step) =>
        rowOf(step, flags),
      );
      stdout().write(render(rows, flags));
    });
}

type Row = ReturnType<typeof rowOf>;

/** docker's fields. */
function rowOf(step: ImageHistory, { human, trunc }: HistoryFlags) {
  const createdBy = printable(step.createdBy.replace(/\t/g, ' '));
  return {
    ID: step.id === null ? '<missing>' : trunc ? shortId(step.id) : step.id,
    CreatedAt: printable(step.createdAt ?? ''),
    CreatedSince: human ? formatAge(step.createdAt) : printable(step.createdAt ?? ''),
    CreatedBy: trunc && createdBy.length > 45 ? `${createdBy.slice(0, 44)}…` : createdBy,
    Size: human ? formatSize(step.size) : String(step.size),
    Comment: printable(step.comment),
  };
}

function render(rows: readonly Row[], { format, quiet }: HistoryFlags): string {
  if (format === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (format && format !== 'table') {
    const template = compileTemplate(format.replace(/^table /, ''));
    return rows.map((row) => `${template(row)}\n`).join('');
  }
  if (quiet) return rows.map(({ ID }) => `${ID}\n`).join('');
  const cells = rows.map((row) => [row.ID, row.CreatedSince, row.CreatedBy, row.Size, row.Comment]);
  return formatTable([['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'], ...cells]);
}
