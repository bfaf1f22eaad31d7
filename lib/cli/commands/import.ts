import type { Command } from 'commander';
import { archiveInput, interruptible } from '../archive-input.ts';
import type { Cli } from '../cli.ts';
import { collect } from '../image-filters.ts';
import { stdout } from '../output.ts';

interface ImportFlags {
  change?: string[];
  message?: string;
  platform?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-c, --change <instruction>', 'a Dockerfile instruction for the image (repeatable)', collect)
    .option('-m, --message <text>', "what the image's history says")
    .option('--platform <os/arch>', 'what the root file system is for')
    .argument('<file>', 'a tar, packed by gzip, zstd or not at all; - for stdin')
    .argument('[reference]', 'name of the image')
    .action(async (file: string, reference: string | undefined, flags: ImportFlags) => {
      const input = archiveInput(file, 'import');
      await interruptible(cli, 'import', async ({ images }, signal) => {
        const { change: changes = [], message, platform } = flags;
        const image = await images.import(input, { reference, changes, message, platform, signal });
        stdout().write(`${image.id}\n`);
      });
    });
}
