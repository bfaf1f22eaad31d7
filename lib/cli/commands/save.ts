import { type Command, Option } from 'commander';
import { EngineError } from '../../errors/index.ts';
import { interruptible } from '../archive-input.ts';
import { refuseTerminal, writeOutput } from '../archive-output.ts';
import type { Cli } from '../cli.ts';
import { onPlatform } from '../image-names.ts';

interface SaveFlags {
  output?: string;
  platform?: string;
  format: 'docker-archive' | 'oci-archive' | 'oci-dir';
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-o, --output <file>', 'write to a file (oci-dir: a folder) instead of stdout')
    .addOption(
      new Option('--format <format>', 'how it is packed; every tool reads the first')
        .choices(['docker-archive', 'oci-archive', 'oci-dir'])
        .default('docker-archive'),
    )
    .option('--platform <os/arch>', 'of an image that is here for several platforms the one for this')
    .argument('<image...>')
    .action(async (names: string[], { output, format, platform }: SaveFlags) => {
      if (format === 'oci-dir') return saveToFolder(cli, names, output, platform);
      refuseTerminal(output);
      await interruptible(cli, 'save', ({ images }, signal) =>
        writeOutput(images.save(names, { format, platform, signal }), output),
      );
    });
}

/** Each image under the name by which it was called, as podman has it. */
async function saveToFolder(
  cli: Cli,
  names: readonly string[],
  output: string | undefined,
  platform: string | undefined,
): Promise<void> {
  if (output === undefined)
    throw new EngineError('ERR_INVALID_ARGUMENT', 'oci-dir needs a folder: -o FOLDER');
  await interruptible(cli, 'save', async ({ images }, signal) => {
    for (const name of names) {
      const image = await onPlatform(images, name, platform);
      await images.copy(image, `oci:${output}:${nameInFolder(name)}`, { signal });
    }
  });
}

function nameInFolder(name: string): string {
  return name.replace(/^sha256:/, '').replace(/@.*$/, '');
}
