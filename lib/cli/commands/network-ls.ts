import type { Command } from 'commander';
import type { NetworkInfo } from '../../network/index.ts';
import type { Cli } from '../cli.ts';
import { formatTable } from '../format.ts';
import { collect } from '../image-filters.ts';
import { parseNetworkFilters } from '../network-filters.ts';
import { stdout } from '../output.ts';
import { compileTemplate } from '../template.ts';

interface ListFlags {
  filter?: string[];
  format?: string;
  quiet?: true;
  trunc: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --filter <filter>', 'id=, name=, driver=, label=, dangling=', collect)
    .option('--format <format>', 'json, table, or a template such as {{.ID}} {{.Name}}')
    .option('--no-trunc', 'whole ids')
    .option('-q, --quiet', 'only ids')
    .action(async (flags: ListFlags) => {
      const filters = parseNetworkFilters(flags.filter ?? []);
      const { networks } = await cli.engine();
      const found = await networks.list({ filters });
      stdout().write(
        render(
          found.map((info) => rowOf(info, flags.trunc)),
          flags,
        ),
      );
    });
}

/** docker's fields. */
function rowOf(info: NetworkInfo, truncate: boolean) {
  return {
    CreatedAt: info.createdAt,
    Driver: info.driver === 'none' ? 'null' : info.driver,
    ID: truncate ? info.id.slice(0, 12) : info.id,
    IPv6: String(info.ipv6),
    Internal: String(info.internal),
    Labels: Object.entries(info.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Name: info.name,
    Scope: 'local',
  };
}

function render(rows: readonly ReturnType<typeof rowOf>[], { format, quiet }: ListFlags): string {
  if (format === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (format !== undefined && format !== 'table') {
    const template = compileTemplate(format.replace(/^table /, ''));
    return rows.map((row) => `${template(row)}\n`).join('');
  }
  if (quiet) return rows.map(({ ID }) => `${ID}\n`).join('');
  const head = ['NETWORK ID', 'NAME', 'DRIVER', 'SCOPE'];
  return formatTable([head, ...rows.map(({ ID, Name, Driver, Scope }) => [ID, Name, Driver, Scope])]);
}
