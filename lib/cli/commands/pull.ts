import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { showPull } from '../pull-progress.ts';
import { untilInterrupted } from '../until-interrupted.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('--platform <os/arch>', 'platform of the image')
    .option('-q, --quiet', 'no progress')
    .argument('<image>')
    .action(async (name: string, flags: { platform?: string; quiet?: true }) => {
      const { images } = await cli.engine();
      await untilInterrupted(
        'pull interrupted; what was downloaded is kept for the next one',
        async (signal) => {
          const task = images.pull(name, { signal, ...(flags.platform && { platform: flags.platform }) });
          const image = await showPull(task, { quiet: flags.quiet === true });
          stdout().write(`${image.reference}\n`);
        },
      );
    });
}
