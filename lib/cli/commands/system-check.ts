import type { Command } from 'commander';
import type { CheckFinding, CheckReport, RepairOutcome } from '../../engine/index.ts';
import type { Cli } from '../cli.ts';
import { printable } from '../format.ts';
import { stdout } from '../output.ts';
import { ExitCode } from '../report-error.ts';

interface CheckFlags {
  format?: string;
  repair?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--format <format>', 'json')
    .option('--repair', 'mend what can be mended; what has to go is put aside in lost+found')
    .action(async (flags: CheckFlags) => {
      const { system } = await cli.engine();
      const report = await system.check({ repair: flags.repair === true });
      stdout().write(flags.format === 'json' ? `${JSON.stringify(report)}\n` : textOf(report));
      if (!isInOrder(report)) throw new ExitCode(1);
    });
}

function isInOrder({ findings, repairs }: CheckReport): boolean {
  return findings.length === repairs.filter(({ repaired }) => repaired).length;
}

function textOf({ checked, findings, repairs }: CheckReport): string {
  const { containers, images, layers, blobs, volumes } = checked;
  const counts = `${containers} containers, ${images} images, ${layers} layers, ${blobs} blobs, ${volumes} volumes`;
  const verdict = findings.length === 0 ? 'all in order' : `${findings.length} findings`;
  return [...findings.map(findingText), ...repairs.map(repairLine), `${counts}: ${verdict}\n`].join('');
}

function findingText({ code, path, what, means, remedy }: CheckFinding): string {
  return `${code} ${printable(path)}\n  ${printable(what)}\n  ${means}; ${remedy}\n`;
}

function repairLine({ code, path, repaired, place, failure }: RepairOutcome): string {
  const where = place === undefined ? '' : `; what was there is in ${printable(place)}`;
  const verdict = repaired ? 'repaired' : `not repaired: ${printable(failure ?? '')}`;
  return `${code} ${printable(path)}: ${verdict}${where}\n`;
}
