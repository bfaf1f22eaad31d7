import type { Command } from 'commander';
import { type EngineEvent, type EventFilters, filterNames } from '../../events/index.ts';
import type { Cli } from '../cli.ts';
import { defined } from '../container-options.ts';
import { invalidFlag } from '../flag-values.ts';
import { printable } from '../format.ts';
import { parseLogTime } from '../log-time.ts';
import { stdout } from '../output.ts';
import { compileTemplate } from '../template.ts';

interface EventsFlags {
  filter?: string[];
  format?: string;
  since?: string;
  until?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option(
      '-f, --filter <key=value>',
      `only those: ${filterNames.join(', ')}`,
      (value: string, all?: string[]) => [...(all ?? []), value],
    )
    .option('--format <format>', 'json, or a template such as {{.Action}}')
    .option('--since <time>', 'from then on: RFC 3339, seconds since 1970, or 10m')
    .option('--until <time>', 'up to then, and end')
    .action(async (flags: EventsFlags) => {
      const options = defined({
        filters: parseFilters(flags.filter ?? []),
        since: flags.since && parseLogTime('--since', flags.since),
        until: flags.until && parseLogTime('--until', flags.until),
      });
      const format = formatter(flags.format);
      for await (const event of (await cli.engine()).events(options)) {
        if (!stdout().write(`${format(event)}\n`))
          await new Promise<void>((resolve) => stdout().once('drain', resolve));
      }
    });
}

function parseFilters(texts: readonly string[]): EventFilters {
  const filters: Record<string, string[]> = {};
  for (const text of texts) {
    const [key = '', value] = text.split(/=(.*)/s);
    if (!(filterNames as string[]).includes(key) || !value)
      throw invalidFlag('--filter', text, `write key=value; known keys are ${filterNames.join(', ')}`);
    filters[key] = [...(filters[key] ?? []), value];
  }
  return filters;
}

function formatter(format: string | undefined): (event: EngineEvent) => string {
  if (format === undefined) return line;
  if (format === 'json' || /^\{\{\s*json \.\s*\}\}$/.test(format)) return json;
  const template = compileTemplate(format);
  return (event) => template({ ...dockerEvent(event), timeNano: nanoseconds(event.time) });
}

/** As docker: `TIME TYPE ACTION ID (key=value, …)`. */
function line({ time, type, action, id, attributes }: EngineEvent): string {
  const list = Object.keys(attributes)
    .sort()
    .map((key) => `${key}=${attributes[key]}`);
  return printable(`${time} ${type} ${action} ${id} (${list.join(', ')})`);
}

/** docker's document. Its last field is a number of more digits than JSON.stringify knows. */
function json(event: EngineEvent): string {
  return `${JSON.stringify(dockerEvent(event)).slice(0, -1)},"timeNano":${nanoseconds(event.time)}}`;
}

function dockerEvent({ time, type, action, id, attributes }: EngineEvent) {
  const seconds = Math.floor(new Date(time).getTime() / 1000);
  return {
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    scope: 'local',
    time: seconds,
  };
}

/** Since 1970. */
function nanoseconds(time: string): string {
  const fraction = /\.(\d{1,9})/.exec(time)?.[1] ?? '';
  return `${Math.floor(new Date(time).getTime() / 1000)}${fraction.padEnd(9, '0')}`;
}
