import type { Command } from 'commander';
import type { VolumeInfo } from '../../volumes/index.ts';
import type { Cli } from '../cli.ts';
import { formatTable } from '../format.ts';
import { collect } from '../image-filters.ts';
import { stdout } from '../output.ts';
import { compileTemplate } from '../template.ts';
import { volumeLabels } from '../volume-document.ts';
import { parseVolumeFilters } from '../volume-filters.ts';

interface ListFlags {
  filter?: string[];
  format?: string;
  quiet?: true;
}

const filterKeys = ['dangling', 'driver', 'label', 'name'];

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --filter <filter>', filterKeys.map((key) => `${key}=`).join(', '), collect)
    .option('--format <format>', 'json, table, or a template such as {{.Name}}: {{.Mountpoint}}')
    .option('-q, --quiet', 'only names')
    .action(async (flags: ListFlags) => {
      const filters = parseVolumeFilters(flags.filter ?? [], filterKeys);
      const { volumes } = await cli.engine();
      stdout().write(render((await volumes.list({ filters })).map(rowOf), flags));
    });
}

/** docker's fields; what swarm's volumes have there is "N/A", as docker says it. */
function rowOf(info: VolumeInfo) {
  const labels = Object.entries(volumeLabels(info) ?? {});
  return {
    Availability: 'N/A',
    Driver: 'local',
    Group: 'N/A',
    Labels: labels.map(([key, value]) => `${key}=${value}`).join(','),
    Links: 'N/A',
    Mountpoint: info.mountpoint,
    Name: info.name,
    Scope: 'local',
    Size: 'N/A',
    Status: 'N/A',
  };
}

function render(rows: readonly ReturnType<typeof rowOf>[], { format, quiet }: ListFlags): string {
  if (format === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (format !== undefined && format !== 'table') {
    const template = compileTemplate(format.replace(/^table /, ''));
    return rows.map((row) => `${template(row)}\n`).join('');
  }
  if (quiet) return rows.map(({ Name }) => `${Name}\n`).join('');
  return formatTable([['DRIVER', 'VOLUME NAME'], ...rows.map(({ Driver, Name }) => [Driver, Name])]);
}
