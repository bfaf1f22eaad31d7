import type { Command } from 'commander';
import type { ContainerChange } from '../../containers/index.ts';
import type { Cli } from '../cli.ts';
import { printable } from '../format.ts';
import { stdout } from '../output.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('--format <format>', 'json: one object a line')
    .argument('<container>')
    .action(async (name: string, { format }: { format?: string }) => {
      const { containers } = await cli.engine();
      const line = format === 'json' ? jsonLine : textLine;
      for (const change of await containers.changes(name)) stdout().write(line(change));
    });
}

const letters: Readonly<Record<ContainerChange['kind'], string>> = { added: 'A', changed: 'C', removed: 'D' };

function textLine({ kind, path }: ContainerChange): string {
  return `${letters[kind]} ${printable(path)}\n`;
}

function jsonLine(change: ContainerChange): string {
  return `${JSON.stringify(change)}\n`;
}
