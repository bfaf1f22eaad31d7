import type { Command } from 'commander';
import type { ContainerInfo, Containers } from '../../containers/index.ts';
import type { Cli } from '../cli.ts';
import { parseFilters } from '../container-filters.ts';
import { formatDuration, formatSize, formatTable, printable } from '../format.ts';
import { stdout } from '../output.ts';
import { portTexts } from '../port-rows.ts';
import { reportWarnings } from '../report-error.ts';
import { compileTemplate } from '../template.ts';

interface PsFlags {
  all?: true;
  filter?: string[];
  format?: string;
  last?: string;
  latest?: true;
  quiet?: true;
  size?: true;
  trunc: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all', 'also those that do not run')
    .option(
      '-f, --filter <filter>',
      'id=, name=, label=, status=, exited=, ancestor=',
      (value: string, all?: string[]) => [...(all ?? []), value],
    )
    .option('--format <format>', 'json, table, or a template such as {{.ID}} {{.Names}}')
    .option('-n, --last <number>', 'only the newest ones, whatever their state')
    .option('-l, --latest', 'only the newest one')
    .option('-q, --quiet', 'only ids')
    .option('-s, --size', 'show what they have written')
    .option('--no-trunc', 'show all of ids and commands')
    .action(async (flags: PsFlags) => {
      const { containers } = await cli.engine();
      const all = await containers.list({ all: true, onUnreadable: (error) => reportWarnings([error]) });
      const shown = select(all, flags);
      const sizes = flags.size ? await sizesOf(containers, shown) : undefined;
      stdout().write(render(shown, flags, sizes));
    });
}

function select(all: readonly ContainerInfo[], flags: PsFlags): ContainerInfo[] {
  const filters = parseFilters(flags.filter ?? []);
  const last = flags.latest ? 1 : flags.last === undefined ? 0 : Number(flags.last);
  const everything = flags.all === true || last > 0 || filters.status;
  const shown = all.filter(
    (container) =>
      (everything || ['running', 'paused', 'restarting'].includes(container.state.status)) &&
      filters.matches(container),
  );
  return last > 0 ? shown.slice(0, last) : shown;
}

/** Bytes by id; of one that goes meanwhile none. */
async function sizesOf(
  containers: Containers,
  shown: readonly ContainerInfo[],
): Promise<Map<string, number>> {
  const sizes = shown.map(async ({ id }) => [id, await containers.size(id).catch(() => 0)] as const);
  return new Map(await Promise.all(sizes));
}

function render(
  containers: readonly ContainerInfo[],
  flags: PsFlags,
  sizes?: ReadonlyMap<string, number>,
): string {
  const rows = containers.map((container) => ({
    ...rowOf(container, flags.trunc),
    ...(sizes && { Size: formatSize(sizes.get(container.id) ?? 0) }),
  }));
  if (flags.format === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (flags.format && flags.format !== 'table') return rows.map(lineByTemplate(flags.format)).join('');
  if (flags.quiet) return rows.map(({ ID }) => `${ID}\n`).join('');
  const head = [
    'CONTAINER ID',
    'IMAGE',
    'COMMAND',
    'CREATED',
    'STATUS',
    'PORTS',
    'NAMES',
    ...(sizes ? ['SIZE'] : []),
  ];
  return formatTable([
    head,
    ...rows.map((row) => [
      row.ID,
      row.Image,
      row.Command,
      row.RunningFor,
      row.Status,
      row.Ports,
      row.Names,
      ...(row.Size === undefined ? [] : [row.Size]),
    ]),
  ]);
}

function lineByTemplate(format: string): (row: unknown) => string {
  const template = compileTemplate(format.replace(/^table /, ''));
  return (row) => `${template(row)}\n`;
}

/** Docker's fields. */
function rowOf(container: ContainerInfo, truncate: boolean) {
  const command = container.argv.join(' ');
  return {
    ID: truncate ? container.id.slice(0, 12) : container.id,
    Image: container.image,
    Command: quoted(truncate && command.length > 20 ? `${command.slice(0, 19)}…` : command),
    CreatedAt: container.createdAt,
    RunningFor: `${since(container.createdAt)} ago`,
    State: container.state.status,
    Status: statusOf(container),
    Names: container.name,
    Labels: Object.entries(container.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Mounts: container.mounts.map(({ name, source }) => name ?? source).join(','),
    Networks: Object.keys(container.networks).join(',') || container.network,
    Ports: portTexts(container).join(', '),
  };
}

/** In quotes, as docker does; a newline or an escape sequence is shown, never sent to the terminal. */
function quoted(command: string): string {
  return printable(JSON.stringify(command));
}

function statusOf({ state, health }: ContainerInfo): string {
  switch (state.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${since(state.startedAt)}${health ? ` (${healthText[health.status]})` : ''}`;
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

/** Docker's words. */
const healthText = { starting: 'health: starting', healthy: 'healthy', unhealthy: 'unhealthy' };

function since(time: string): string {
  return formatDuration(Date.now() - new Date(time).getTime());
}
