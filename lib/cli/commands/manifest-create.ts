import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { untilInterrupted } from '../until-interrupted.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --amend', 'add to a list that is in the making')
    .option('--insecure', 'ignored: see registries in the configuration')
    .argument('<list>', 'its name: HOST/PATH:TAG')
    .argument('<image...>', 'images in registries')
    .action(async (list: string, images: string[], flags: { amend?: true }) => {
      const manifests = await cli.manifests();
      await untilInterrupted('interrupted; no list was made', async (signal) => {
        const reference = await manifests.create(list, images, { amend: flags.amend === true, signal });
        stdout().write(`Created manifest list ${reference}\n`);
      });
    });
}
