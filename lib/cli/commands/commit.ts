import type { Command } from 'commander';
import { interruptible } from '../archive-input.ts';
import type { Cli } from '../cli.ts';
import { defined } from '../container-options.ts';
import { invalidFlag } from '../flag-values.ts';
import { stdout } from '../output.ts';

interface CommitFlags {
  author?: string;
  change?: string[];
  message?: string;
  pause: boolean;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --author <author>', 'who made it')
    .option(
      '-c, --change <instruction>',
      'a Dockerfile instruction that is applied to it',
      (text: string, all?: string[]) => [...(all ?? []), text],
    )
    .option('-m, --message <message>', 'what was done')
    .option('-p, --pause', 'let it stand still meanwhile', true)
    .option('--no-pause', 'let it run on meanwhile')
    .argument('<container>')
    .argument('[repository:tag]')
    .action(async (name: string, reference: string | undefined, flags: CommitFlags) => {
      const options = defined({
        reference,
        author: flags.author,
        message: flags.message,
        changes: flags.change,
        pause: flags.pause,
        sourceDateEpoch: sourceDateEpoch(process.env.SOURCE_DATE_EPOCH),
      });
      await interruptible(cli, 'commit', async ({ containers }, signal) => {
        const { id } = await containers.commit(name, { ...options, signal });
        stdout().write(`${id}\n`);
      });
    });
}

/** reproducible-builds.org/specs/source-date-epoch */
function sourceDateEpoch(text: string | undefined): number | undefined {
  if (!text) return undefined;
  if (/^\d{1,11}$/.test(text)) return Number(text);
  throw invalidFlag('SOURCE_DATE_EPOCH', text, 'write seconds since 1970');
}
