import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { invalidFlag, parseLabelFlag } from '../flag-values.ts';
import { collect } from '../image-filters.ts';
import { stdout } from '../output.ts';

interface CreateFlags {
  driver: string;
  label?: string[];
  name?: string;
  opt?: string[];
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-d, --driver <driver>', 'local: there is no other', 'local')
    .option('--label <label>', 'key=value', collect)
    .option('--name <name>', 'the same as the argument')
    .option('-o, --opt <option>', 'options of a driver, of which local has none here', collect)
    .argument('[name]', 'without it the volume is anonymous')
    .action(async (given: string | undefined, flags: CreateFlags) => {
      requireLocal(flags);
      if (given !== undefined && flags.name !== undefined && given !== flags.name)
        throw invalidFlag('--name', flags.name, 'it is not the name that is given as the argument');
      const { volumes } = await cli.engine();
      const labels = Object.fromEntries((flags.label ?? []).map(parseLabelFlag));
      const { name } = await volumes.create(given ?? flags.name, { labels });
      stdout().write(`${name}\n`);
    });
}

function requireLocal({ driver, opt = [] }: CreateFlags): void {
  if (driver !== 'local') throw invalidFlag('--driver', driver, 'the only driver is local');
  if (opt[0] !== undefined)
    throw invalidFlag(
      '--opt',
      opt[0],
      'a volume is a directory of the root; to mount others bind them (-v /dir:/path)',
    );
}
