import { type Command, Option } from 'commander';
import { isEngineError } from '../../errors/index.ts';
import type { Cli } from '../cli.ts';
import { invalidFlag } from '../flag-values.ts';
import { stdout } from '../output.ts';
import { forEachReporting } from '../report-error.ts';

interface RmFlags {
  force?: true;
  link?: true;
  volumes?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --force', 'kill it first if it runs; one that is not there is no error')
    .addOption(new Option('-l, --link').hideHelp())
    .option('-v, --volumes', 'remove its anonymous volumes')
    .argument('<container...>')
    .action(async (names: string[], flags: RmFlags) => {
      if (flags.link) throw invalidFlag('--link', names.join(' '), 'there are no links between containers');
      const { containers } = await cli.engine();
      const force = flags.force === true;
      await forEachReporting(names, async (name) => {
        await containers.remove(name, { force, volumes: flags.volumes === true }).catch((error: unknown) => {
          if (!force || !isEngineError(error, 'ERR_CONTAINER_NOT_FOUND')) throw error;
        });
        stdout().write(`${name}\n`);
      });
    });
}
