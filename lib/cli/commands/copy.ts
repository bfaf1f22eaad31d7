import type { Command } from 'commander';
import { interruptible } from '../archive-input.ts';
import type { Cli } from '../cli.ts';
import { parseCompression } from '../compression-flag.ts';
import { formatSize } from '../format.ts';
import { stderr, stdout } from '../output.ts';

const places = `
Where an image is, and where it is put:
  docker://NAME               a registry
  oci:FOLDER[:NAME]           an OCI layout
  oci-archive:FILE[:NAME]     the same in a tar
  docker-archive:FILE[:NAME]  what docker load reads
  NAME                        this store (an id too, to read)
  @host, @/folder             a root file system (to read)
`;

interface CopyFlags {
  all?: true;
  compression?: string;
  platform?: string;
  quiet?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --all', 'all images behind the name, for every platform')
    .option(
      '--compression <format[:level]>',
      'how a registry gets layers that are plain tars: gzip[:1-9] (default), zstd[:1-19] or none',
    )
    .option('--platform <os/arch>', 'of several images behind the name the one for this platform')
    .option('-q, --quiet', 'no progress')
    .argument('<source>')
    .argument('<destination>')
    .addHelpText('after', places)
    .action(async (source: string, destination: string, flags: CopyFlags) => {
      const { all, platform, quiet } = flags;
      const compression = flags.compression === undefined ? undefined : parseCompression(flags.compression);
      await interruptible(cli, 'copy', async ({ images }, signal) => {
        const task = images.copy(source, destination, { all: all === true, platform, compression, signal });
        for await (const { descriptor } of task) {
          const line = `${descriptor.digest.slice(7, 19)}: copied (${formatSize(descriptor.size)})\n`;
          if (!quiet) stderr().write(line);
        }
        stdout().write(`${(await task).digest}\n`);
      });
    });
}
