import type { Command } from 'commander';
import type { ImageSummary } from '../../images/index.ts';
import type { Cli } from '../cli.ts';
import { formatDuration, formatSize, formatTable, printable } from '../format.ts';
import { stdout } from '../output.ts';
import { compileTemplate } from '../template.ts';

interface ImagesFlags {
  digests?: true;
  format?: string;
  quiet?: true;
  trunc: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--digests', 'show digests')
    .option('--format <format>', 'json, table, or a template such as {{.Repository}}:{{.Tag}}')
    .option('-q, --quiet', 'only ids')
    .option('--no-trunc', 'show all of the ids')
    .argument('[repository]', 'only this one, or this one with its tag')
    .action(async (wanted: string | undefined, flags: ImagesFlags) => {
      const { images } = await cli.engine();
      const rows = (await images.list()).flatMap((image) => rowsOf(image, flags.trunc));
      stdout().write(
        render(
          rows.filter((row) => isWanted(row, wanted)),
          flags,
        ),
      );
    });
}

type Row = ReturnType<typeof rowsOf>[number];

/** One row a name, in docker's fields. */
function rowsOf(image: ImageSummary, truncate: boolean) {
  const names =
    image.references.length > 0 ? image.references.map(splitName) : [['<none>', '<none>'] as const];
  return names.map(([repository, tag]) => ({
    Repository: repository,
    Tag: tag,
    Digest:
      image.digests.find((digest) => familiar(digest).startsWith(`${repository}@`))?.replace(/^.*@/, '') ??
      '<none>',
    ID: truncate ? image.id.slice('sha256:'.length, 'sha256:'.length + 12) : image.id,
    CreatedAt: printable(image.createdAt ?? ''),
    CreatedSince: since(image.createdAt),
    Size: formatSize(image.size),
  }));
}

function render(rows: readonly Row[], flags: ImagesFlags): string {
  if (flags.format === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (flags.format && flags.format !== 'table') {
    const template = compileTemplate(flags.format.replace(/^table /, ''));
    return rows.map((row) => `${template(row)}\n`).join('');
  }
  if (flags.quiet) return [...new Set(rows.map(({ ID }) => `${ID}\n`))].join('');
  const digests = flags.digests === true;
  const head = ['REPOSITORY', 'TAG', ...(digests ? ['DIGEST'] : []), 'IMAGE ID', 'CREATED', 'SIZE'];
  const cells = (row: Row) => [
    row.Repository,
    row.Tag,
    ...(digests ? [row.Digest] : []),
    row.ID,
    row.CreatedSince,
    row.Size,
  ];
  return formatTable([head, ...rows.map(cells)]);
}

/** What an image says of itself may be no time at all. */
function since(createdAt: string | null): string {
  const age = Date.now() - new Date(createdAt ?? '').getTime();
  return Number.isNaN(age) ? 'N/A' : `${formatDuration(age)} ago`;
}

function isWanted(row: Row, wanted: string | undefined): boolean {
  return wanted === undefined || row.Repository === wanted || `${row.Repository}:${row.Tag}` === wanted;
}

function splitName(reference: string): readonly [string, string] {
  const name = familiar(reference);
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, '<none>'];
}

/** As people write it: without docker.io/ and library/. */
function familiar(reference: string): string {
  return reference.replace(/^docker\.io\/(library\/)?/, '');
}
