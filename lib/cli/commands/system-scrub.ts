import type { Command } from 'commander';
import type { Repair, ScrubProblem, ScrubReport, ScrubStep } from '../../images/index.ts';
import type { Cli } from '../cli.ts';
import { printable } from '../format.ts';
import { familiar, shortId } from '../image-names.ts';
import { stderr, stdout } from '../output.ts';
import { ExitCode } from '../report-error.ts';

interface ScrubFlags {
  format?: string;
  quiet?: true;
  repair?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--format <format>', 'json')
    .option('-q, --quiet', 'no progress')
    .option('--repair', 'take what is corrupt out of use, and pull it again')
    .action(async (flags: ScrubFlags) => {
      const { images } = await cli.engine();
      const progress = flags.quiet || !process.stderr.isTTY ? undefined : showStep;
      const report = await images.scrub({
        repair: flags.repair === true,
        ...(progress && { onStep: progress }),
      });
      if (progress) stderr().write('\r\x1b[K');
      stdout().write(flags.format === 'json' ? `${JSON.stringify(report)}\n` : textOf(report));
      if (!isWhole(report)) throw new ExitCode(1);
    });
}

function isWhole({ problems, repairs }: ScrubReport): boolean {
  return problems.length === repairs.filter(({ repaired }) => repaired).length;
}

function showStep({ kind, digest, done, total }: ScrubStep): void {
  stderr().write(`\r\x1b[K${done}/${total} ${kind} ${shortId(digest)}`);
}

function textOf(report: ScrubReport): string {
  const { layers, blobs, unverified, problems, repairs } = report;
  const unknown = unverified === 0 ? '' : ` (${unverified} of them have no bytes here to be compared with)`;
  return [
    ...problems.map(problemLine),
    ...repairs.map(repairLine),
    `${layers} layers and ${blobs} blobs read${unknown}: ${problems.length === 0 ? 'all whole' : `${problems.length} corrupt or missing`}\n`,
  ].join('');
}

function problemLine({ kind, digest, complaint, images }: ScrubProblem): string {
  const users = images.length === 0 ? 'no image' : images.map(familiar).join(', ');
  return `${kind} ${digest} of ${users}: ${printable(complaint)}\n`;
}

function repairLine({ kind, digest, repaired, quarantine, failure }: Repair): string {
  if (repaired) return `${kind} ${digest}: repaired\n`;
  const place = quarantine === null ? '' : `; what is left of it is in ${quarantine}`;
  return `${kind} ${digest}: not repaired: ${printable(failure ?? '')}${place}\n`;
}
