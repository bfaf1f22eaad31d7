import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import type { ContainerStats, Containers } from '../../containers/index.ts';
import type { Cli } from '../cli.ts';
import { formatTable } from '../format.ts';
import { stdout } from '../output.ts';
import { type StatsRow, statsRow } from '../stats-row.ts';
import { compileTemplate } from '../template.ts';

interface StatsFlags {
  all?: true;
  format?: string;
  stream: boolean;
  trunc: boolean;
}

/** Milliseconds between two readings, which a percentage needs. */
const interval = 1000;

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all', 'also those that do not run')
    .option('--format <format>', 'json, table, or a template such as {{.Name}} {{.CPUPerc}}')
    .option('--no-stream', 'show one reading and end')
    .option('--no-trunc', 'show all of the ids')
    .argument('[container...]')
    .action(async (names: string[], flags: StatsFlags) => {
      const { containers } = await cli.engine();
      for (const name of names) await containers.get(name);
      let before = await readAll(containers, names, flags);
      do {
        await sleep(interval);
        const now = await readAll(containers, names, flags);
        show(
          [...now].map(([id, { name, stats }]) => statsRow(id, name, before.get(id)?.stats, stats)),
          flags,
        );
        before = now;
      } while (flags.stream);
    });
}

interface Reading {
  readonly name: string;
  /** null: it does not run. */
  readonly stats: ContainerStats | null;
}

async function readAll(
  containers: Containers,
  names: readonly string[],
  flags: StatsFlags,
): Promise<Map<string, Reading>> {
  const chosen = new Set(await Promise.all(names.map(async (name) => (await containers.get(name)).id)));
  const all = await containers.list({ all: flags.all === true || names.length > 0 });
  const wanted = all.filter(({ id }) => chosen.size === 0 || chosen.has(id));
  const readings = wanted.map(async ({ id, name }) => {
    const stats = await firstOf(containers.stats(id));
    return [id, { name, stats }] as const;
  });
  return new Map(await Promise.all(readings));
}

async function firstOf<T>(values: AsyncIterable<T>): Promise<T | null> {
  for await (const value of values) return value;
  return null;
}

function show(rows: readonly StatsRow[], flags: StatsFlags): void {
  const shown = flags.trunc ? rows.map((row) => ({ ...row, ID: row.ID.slice(0, 12) })) : rows;
  stdout().write(render(shown, flags.format));
}

function render(rows: readonly StatsRow[], format = 'table'): string {
  if (format === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (format !== 'table') {
    const template = compileTemplate(format.replace(/^table /, ''));
    return rows.map((row) => `${template(row)}\n`).join('');
  }
  const head = [
    'CONTAINER ID',
    'NAME',
    'CPU %',
    'MEM USAGE / LIMIT',
    'MEM %',
    'NET I/O',
    'BLOCK I/O',
    'PIDS',
  ];
  const clear = process.stdout.isTTY ? '\x1b[H\x1b[2J' : '';
  const lines = rows.map((row) => [
    row.ID,
    row.Name,
    row.CPUPerc,
    row.MemUsage,
    row.MemPerc,
    row.NetIO,
    row.BlockIO,
    row.PIDs,
  ]);
  return `${clear}${formatTable([head, ...lines])}`;
}
