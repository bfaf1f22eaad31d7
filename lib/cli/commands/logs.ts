import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { defined } from '../container-options.ts';
import { invalidFlag } from '../flag-values.ts';
import { parseLogTime } from '../log-time.ts';
import { stderr, stdout } from '../output.ts';

const streams = { stdout, stderr };

interface LogsFlags {
  details?: true;
  follow?: true;
  since?: string;
  tail: string;
  timestamps?: true;
  until?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--details', 'show the labels and variables that its log options name')
    .option('-f, --follow', 'go on until the container ends')
    .option('--since <time>', 'from then on: RFC 3339, seconds since 1970, or 10m')
    .option('-n, --tail <lines>', 'the last lines only', 'all')
    .option('-t, --timestamps', 'show times')
    .option('--until <time>', 'up to then')
    .argument('<container>')
    .action(async (name: string, flags: LogsFlags) => {
      const container = await (await cli.engine()).containers.get(name);
      const options = defined({
        details: flags.details,
        follow: flags.follow,
        tail: parseTail(flags.tail),
        since: flags.since && parseLogTime('--since', flags.since),
        until: flags.until && parseLogTime('--until', flags.until),
      });
      for await (const { stream, time, text, details } of container.logs(options)) {
        const prefix = `${flags.timestamps ? `${time} ` : ''}${details ? `${detailsText(details)} ` : ''}`;
        await write(streams[stream](), prefix + text);
      }
    });
}

/** docker's: sorted, and escaped as in a URL. */
function detailsText(details: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(details).map(([key, value]) => `${escaped(key)}=${escaped(value)}`);
  return pairs.sort().join(',');
}

function escaped(text: string): string {
  return encodeURIComponent(text).replace(/%20/g, '+');
}

function parseTail(text: string): number | undefined {
  if (text === 'all' || text === '-1') return undefined;
  if (/^\d+$/.test(text)) return Number(text);
  throw invalidFlag('--tail', text, 'write a number of lines, or all');
}

async function write(stream: NodeJS.WriteStream, text: string): Promise<void> {
  if (!stream.write(text)) await new Promise<void>((resolve) => stream.once('drain', resolve));
}
