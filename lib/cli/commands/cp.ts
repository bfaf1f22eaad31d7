import type { Command } from 'commander';
import { EngineError } from '../../errors/index.ts';
import { interruptible } from '../archive-input.ts';
import { writeOutput } from '../archive-output.ts';
import type { Cli } from '../cli.ts';
import { type CopyPlace, copyBetween, copyPlace } from '../copy-files.ts';
import { formatSize } from '../format.ts';
import { stderr } from '../output.ts';

const rules = `
CONTAINER:SRC may be running or stopped; SRC and DST are from its root. '-' is a tar on stdin or stdout.
A directory goes into one that exists, and else becomes DST; SRC/. is what a directory contains.
Copies belong to root in the container, and to you here; with -a to whom they belonged.
`;

interface CopyFlags {
  archive?: true;
  followLink?: true;
  quiet?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .usage('[options] CONTAINER:SRC DST|-\n       strake cp [options] SRC|- CONTAINER:DST')
    .option('-a, --archive', 'keep owners')
    .option('-L, --follow-link', 'copy what the link SRC leads to')
    .option('-q, --quiet', 'say nothing of success')
    .argument('<source>')
    .argument('<destination>')
    .addHelpText('after', rules)
    .action(async (from: string, to: string, flags: CopyFlags) => {
      const [source, destination] = [copyPlace(from), copyPlace(to)];
      requireOneContainer(source, destination);
      await interruptible(cli, 'cp', async ({ containers }, signal) => {
        const container = await containers.get(source.container ?? destination.container ?? '');
        const options = { archive: flags.archive === true, followLink: flags.followLink === true, signal };
        if (destination.path === '-' && destination.container === null)
          return await writeOutput(container.copyOut(source.path, options), undefined);
        const bytes = await copyBetween(container, source, destination, options);
        if (!flags.quiet) stderr().write(`Successfully copied ${formatSize(bytes)} to ${to}\n`);
      });
    });
}

/** In docker's words. */
function requireOneContainer(source: CopyPlace, destination: CopyPlace): void {
  const refuse = (why: string): never => {
    throw new EngineError('ERR_INVALID_ARGUMENT', why);
  };
  if (source.path === '') refuse('source can not be empty');
  if (destination.path === '') refuse('destination can not be empty');
  if (source.container !== null && destination.container !== null)
    refuse('copying between containers is not supported');
  if (source.container === null && destination.container === null)
    refuse('must specify at least one container source');
}
