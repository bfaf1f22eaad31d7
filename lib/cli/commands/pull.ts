import type { Command } from 'commander';
import type { Engine } from '../../engine/index.ts';
import type { Cli } from '../cli.ts';
import { parseRepository } from '../image-names.ts';
import { stdout } from '../output.ts';
import { showPull } from '../pull-progress.ts';
import { untilInterrupted } from '../until-interrupted.ts';

interface PullFlags {
  allTags?: true;
  platform?: string;
  quiet?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all-tags', 'pull all tags of the repository')
    .option('--platform <os/arch>', 'platform of the image')
    .option('-q, --quiet', 'no progress')
    .argument('<image>')
    .action(async (name: string, flags: PullFlags) => {
      const engine = await cli.engine();
      await untilInterrupted(
        'pull interrupted; what was downloaded is kept for the next one',
        async (signal) => {
          const names = flags.allTags ? await tagsOf(engine, name, signal) : [name];
          for (const one of names) {
            const task = engine.images.pull(one, {
              signal,
              ...(flags.platform && { platform: flags.platform }),
            });
            const image = await showPull(task, { quiet: flags.quiet === true });
            stdout().write(`${image.reference}\n`);
          }
        },
      );
    });
}

function tagsOf({ registries }: Engine, name: string, signal: AbortSignal): Promise<string[]> {
  parseRepository(name);
  return registries.tags(name, { signal });
}
