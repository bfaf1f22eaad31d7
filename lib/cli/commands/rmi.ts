import type { Command } from 'commander';
import { isEngineError } from '../../errors/index.ts';
import type { RemovedImage } from '../../images/index.ts';
import type { Cli } from '../cli.ts';
import { familiar, onPlatform } from '../image-names.ts';
import { stdout } from '../output.ts';
import { ExitCode, reportError } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --force', 'also when a stopped container uses it; one that is not there is no failure')
    .option('--platform <os/arch>', 'of an image that is here for several platforms only the one for this')
    .option('--no-prune', 'for compatibility: no image here has untagged parents')
    .argument('<image...>')
    .action(async (names: string[], flags: { force?: true; platform?: string }) => {
      const { images } = await cli.engine();
      const force = flags.force === true;
      let failed = false;
      for (const name of names) {
        const removing = onPlatform(images, name, flags.platform).then((image) =>
          images.remove(image, { force }),
        );
        await removing.then(
          (removed) => stdout().write(removed.map((step) => removedLine(step)).join('')),
          (error: unknown) => {
            reportError(error, 1);
            failed ||= !force || !isEngineError(error, 'ERR_IMAGE_NOT_FOUND');
          },
        );
      }
      if (failed) throw new ExitCode(1);
    });
}

/** docker's line for one step of a removal. */
export function removedLine(
  removed: RemovedImage,
  words = { untagged: 'Untagged', deleted: 'Deleted' },
): string {
  return 'untagged' in removed
    ? `${words.untagged}: ${familiar(removed.untagged)}\n`
    : `${words.deleted}: ${removed.deleted}\n`;
}
