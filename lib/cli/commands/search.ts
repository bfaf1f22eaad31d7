import type { Command } from 'commander';
import type { FoundRepository } from '../../engine/index.ts';
import type { Cli } from '../cli.ts';
import { invalidFlag, numberFlag } from '../flag-values.ts';
import { formatTable, printable } from '../format.ts';
import { stdout } from '../output.ts';
import { compileTemplate } from '../template.ts';
import { untilInterrupted } from '../until-interrupted.ts';

interface SearchFlags {
  filter: string[];
  format?: string;
  limit: number;
  trunc: boolean;
}

/** Characters of a description in a table, as docker has it. */
const shownDescription = 45;

export function define(command: Command, cli: Cli): void {
  command
    .option(
      '-f, --filter <name=value>',
      'stars=N, is-official=BOOL or is-automated=BOOL; again for more',
      collect,
      [],
    )
    .option('--format <format>', 'json, table, or a template such as {{.Name}}')
    .option('--limit <number>', 'at most so many, up to 100', numberFlag('--limit'), 25)
    .option('--no-trunc', 'whole descriptions')
    .argument('<term>', 'on Docker Hub; HOST/TERM elsewhere')
    .action(async (term: string, flags: SearchFlags) => {
      const { limit } = flags;
      if (!Number.isInteger(limit) || limit < 1 || limit > 100)
        throw invalidFlag('--limit', String(limit), 'write a number from 1 to 100');
      const isWanted = compileFilters(flags.filter);
      const registries = await cli.registries();
      await untilInterrupted('search interrupted', async (signal) => {
        const found = (await registries.search(term, { limit, signal })).filter(isWanted);
        stdout().write(render(found, flags));
      });
    });
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function compileFilters(filters: readonly string[]): (found: FoundRepository) => boolean {
  const tests = filters.map(compileFilter);
  return (found) => tests.every((test) => test(found));
}

function compileFilter(text: string): (found: FoundRepository) => boolean {
  const [, name, value = ''] = /^([a-z-]+)=(.*)$/.exec(text) ?? [];
  const truth = { true: true, '1': true, false: false, '0': false }[value];
  if (name === 'stars' && /^[0-9]{1,9}$/.test(value)) return ({ stars }) => stars >= Number(value);
  if (name === 'is-official' && truth !== undefined) return ({ official }) => official === truth;
  if (name === 'is-automated' && truth !== undefined) return ({ automated }) => automated === truth;
  throw invalidFlag('--filter', text, 'write stars=N, is-official=true or is-automated=true');
}

/** Docker's fields. */
function rowOf(found: FoundRepository, truncate: boolean) {
  const description = printable(found.description.replace(/\s+/g, ' ').trim());
  const isLong = truncate && description.length > shownDescription;
  return {
    Name: printable(found.name),
    Description: isLong ? `${description.slice(0, shownDescription - 1)}…` : description,
    StarCount: found.stars,
    IsOfficial: found.official,
    IsAutomated: found.automated,
  };
}

function render(found: readonly FoundRepository[], { format, trunc }: SearchFlags): string {
  const rows = found.map((one) => rowOf(one, trunc));
  if (format === 'json') return rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  if (format && format !== 'table') {
    const template = compileTemplate(format.replace(/^table /, ''));
    return rows.map((row) => `${template(row)}\n`).join('');
  }
  const cells = rows.map((row) => [
    row.Name,
    row.Description,
    String(row.StarCount),
    row.IsOfficial ? '[OK]' : '',
  ]);
  return formatTable([['NAME', 'DESCRIPTION', 'STARS', 'OFFICIAL'], ...cells]);
}
