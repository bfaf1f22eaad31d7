import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { formatTable, printable } from '../format.ts';
import { stdout } from '../output.ts';

export function define(command: Command, cli: Cli): void {
  command
    .usage('CONTAINER [arguments of ps]')
    .option('--format <format>', 'json')
    .argument('<container>')
    .argument('[ps-argument...]', 'arguments of ps (default: -ef)')
    .passThroughOptions()
    .action(async (container: string, psArguments: string[], flags: { format?: string }) => {
      const { containers } = await cli.engine();
      const asked = psArguments.length > 0 ? psArguments : undefined;
      const { titles, rows } = await containers.top(container, asked);
      stdout().write(
        flags.format === 'json'
          ? `${JSON.stringify({ titles, rows })}\n`
          : formatTable([titles, ...rows.map((row) => row.map(printable))]),
      );
    });
}
