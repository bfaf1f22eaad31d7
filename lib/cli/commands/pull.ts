import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stderr, stdout } from '../output.ts';
import { showPull } from '../pull-progress.ts';
import { ExitCode } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('--platform <os/arch>', 'platform of the image')
    .option('-q, --quiet', 'no progress')
    .argument('<image>')
    .action(async (name: string, flags: { platform?: string; quiet?: true }) => {
      const { images } = await cli.engine();
      const abort = new AbortController();
      const stop = () => abort.abort();
      process.once('SIGINT', stop).once('SIGTERM', stop);
      const task = images.pull(name, {
        signal: abort.signal,
        ...(flags.platform && { platform: flags.platform }),
      });
      try {
        const image = await showPull(task, { quiet: flags.quiet === true });
        stdout().write(`${image.reference}\n`);
      } catch (error) {
        if (!abort.signal.aborted) throw error;
        stderr().write('strake: pull interrupted; what was downloaded is kept for the next one\n');
        throw new ExitCode(130);
      }
    });
}
