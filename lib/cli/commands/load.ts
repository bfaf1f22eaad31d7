import type { Command } from 'commander';
import type { LoadedImage } from '../../images/index.ts';
import { familiarName, parseReference } from '../../reference/index.ts';
import { archiveInput, interruptible } from '../archive-input.ts';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { showLoad } from '../pull-progress.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-i, --input <file>', 'read from a file or a folder instead of stdin')
    .option('-q, --quiet', 'no progress')
    .option('--platform <os/arch>', 'of several images behind one name take the one for this platform')
    .action(async (flags: { input?: string; quiet?: true; platform?: string }) => {
      const input = archiveInput(flags.input, 'load');
      await interruptible(cli, 'load', async ({ images }, signal) => {
        const task = images.load(input, { signal, ...(flags.platform && { platform: flags.platform }) });
        await showLoad(task, {
          quiet: flags.quiet === true,
          onLoaded: (loaded) => stdout().write(linesOf(loaded)),
        });
      });
    });
}

function linesOf({ image, references }: LoadedImage): string {
  if (references.length === 0) return `Loaded image ID: ${image.id}\n`;
  return references.map((name) => `Loaded image: ${familiarName(parseReference(name))}\n`).join('');
}
