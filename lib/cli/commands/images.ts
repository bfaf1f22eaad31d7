import type { Command } from 'commander';
import type { ImageSummary } from '../../images/index.ts';
import type { Cli } from '../cli.ts';
import { formatAge, formatSize, formatTable, printable } from '../format.ts';
import { collect, parseImageFilters, parseNameFilters } from '../image-filters.ts';
import { familiar, listedNames } from '../image-names.ts';
import { stdout } from '../output.ts';
import { compileTemplate } from '../template.ts';

interface ImagesFlags {
  all?: true;
  filter?: string[];
  digests?: true;
  format?: string;
  quiet?: true;
  trunc: boolean;
}

const filterKeys = ['dangling', 'label', 'before', 'since', 'until', 'reference'];

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all', 'also intermediate images, of which there are none')
    .option('-f, --filter <filter>', `${filterKeys.map((key) => `${key}=`).join(', ')}`, collect)
    .option('--digests', 'show digests')
    .option('--format <format>', 'json, table, or a template such as {{.Repository}}:{{.Tag}}')
    .option('-q, --quiet', 'only ids')
    .option('--no-trunc', 'show all of the ids')
    .argument('[repository]', 'only this one, or this one with its tag; a pattern as in --filter reference=')
    .action(async (wanted: string | undefined, flags: ImagesFlags) => {
      const { images } = await cli.engine();
      const created = async (name: string) => (await images.inspect(name)).config.created ?? null;
      const filters = [...(flags.filter ?? []), ...(wanted === undefined ? [] : [`reference=${wanted}`])];
      const test = await parseImageFilters(filters, filterKeys, created);
      const isWanted = parseNameFilters(filters);
      const rows = (await images.list()).filter(test).flatMap((image) => rowsOf(image, flags.trunc));
      stdout().write(
        render(
          rows.filter((row) => isWanted(nameOf(row))),
          flags,
        ),
      );
    });
}

type Row = ReturnType<typeof rowsOf>[number];

/** One row a name, in docker's fields. */
function rowsOf(image: ImageSummary, truncate: boolean) {
  return listedNames(image).map(([repository, tag]) => ({
    Repository: repository,
    Tag: tag,
    Digest:
      image.digests.find((digest) => familiar(digest).startsWith(`${repository}@`))?.replace(/^.*@/, '') ??
      '<none>',
    ID: truncate ? image.id.slice('sha256:'.length, 'sha256:'.length + 12) : image.id,
    CreatedAt: printable(image.createdAt ?? ''),
    CreatedSince: formatAge(image.createdAt),
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

function nameOf({ Repository, Tag, Digest }: Row): string {
  return Tag === '<none>' ? `${Repository}@${Digest}` : `${Repository}:${Tag}`;
}
