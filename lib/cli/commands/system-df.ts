import type { Command } from 'commander';
import type { DiskUsage, UsageOf } from '../../engine/index.ts';
import type { ImageUsage } from '../../images/index.ts';
import type { Cli } from '../cli.ts';
import { formatAge, formatSize, formatTable } from '../format.ts';
import { listedNames, shortId } from '../image-names.ts';
import { stdout } from '../output.ts';
import { compileTemplate } from '../template.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('--format <format>', 'json, or a template such as {{.Type}} {{.Size}}')
    .option('-v, --verbose', 'one line for each image, container and volume')
    .action(async ({ format, verbose }: { format?: string; verbose?: true }) => {
      const usage = await (await cli.engine()).system.diskUsage();
      if (format === 'json' && verbose) stdout().write(`${JSON.stringify(usage)}\n`);
      else if (verbose) stdout().write(details(usage));
      else stdout().write(summary(usage, format));
    });
}

const titles = [
  ['Images', 'images'],
  ['Containers', 'containers'],
  ['Local Volumes', 'volumes'],
  ['Build Cache', 'buildCache'],
] as const;

/** docker's fields. */
function summary(usage: DiskUsage, format: string | undefined): string {
  const rows = titles.map(([title, key]) => rowOf(title, usage[key]));
  if (format === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (format !== undefined && format !== 'table') {
    const template = compileTemplate(format);
    return rows.map((row) => `${template(row)}\n`).join('');
  }
  const cells = rows.map((row) => [row.Type, row.TotalCount, row.Active, row.Size, row.Reclaimable]);
  return formatTable([['TYPE', 'TOTAL', 'ACTIVE', 'SIZE', 'RECLAIMABLE'], ...cells]);
}

function rowOf(title: string, { total, active, size, reclaimable }: UsageOf<unknown>) {
  const part = size === 0 ? '' : ` (${Math.floor((100 * reclaimable) / size)}%)`;
  return {
    Type: title,
    TotalCount: String(total),
    Active: String(active),
    Size: formatSize(size),
    Reclaimable: `${formatSize(reclaimable)}${part}`,
  };
}

function details({ images, containers, volumes, buildCache }: DiskUsage): string {
  const tables = [
    ['Images space usage', imageHead, images.items.flatMap(imageRows)],
    [
      'Containers space usage',
      ['CONTAINER ID', 'IMAGE', 'SIZE', 'CREATED', 'STATUS', 'NAMES'],
      containers.items.map(({ id, image, size, createdAt, state, name }) => [
        shortId(id),
        image,
        formatSize(size),
        formatAge(createdAt),
        state.status,
        name,
      ]),
    ],
    [
      'Local Volumes space usage',
      ['VOLUME NAME', 'LINKS', 'SIZE'],
      volumes.items.map((volume) => [volume.name, String(volume.containers), formatSize(volume.size)]),
    ],
  ] as const;
  const shown = tables.map(([title, head, rows]) => `${title}:\n\n${formatTable([head, ...rows])}\n`);
  return `${shown.join('')}Build cache usage: ${formatSize(buildCache.size)}\n`;
}

const imageHead = [
  'REPOSITORY',
  'TAG',
  'IMAGE ID',
  'CREATED',
  'SIZE',
  'SHARED SIZE',
  'UNIQUE SIZE',
  'CONTAINERS',
];

function imageRows(image: ImageUsage): string[][] {
  return listedNames(image).map(([repository, tag]) => [
    repository,
    tag,
    shortId(image.id),
    formatAge(image.createdAt),
    formatSize(image.size),
    formatSize(image.sharedSize),
    formatSize(image.uniqueSize),
    String(image.containers),
  ]);
}
