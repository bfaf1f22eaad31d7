import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { invalidFlag, parseLabelFlag, parsePairFlag } from '../flag-values.ts';
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
    .option('-o, --opt <option>', 'type=, device= and o= of what is mounted instead of a directory', collect)
    .argument('[name]', 'without it the volume is anonymous')
    .action(async (given: string | undefined, flags: CreateFlags) => {
      requireLocal(flags);
      if (given !== undefined && flags.name !== undefined && given !== flags.name)
        throw invalidFlag('--name', flags.name, 'it is not the name that is given as the argument');
      const { volumes } = await cli.engine();
      const labels = Object.fromEntries((flags.label ?? []).map(parseLabelFlag));
      const driverOptions = Object.fromEntries((flags.opt ?? []).map((opt) => parsePairFlag('--opt', opt)));
      const { name } = await volumes.create(given ?? flags.name, { labels, driverOptions });
      stdout().write(`${name}\n`);
    });
}

function requireLocal({ driver }: CreateFlags): void {
  if (driver !== 'local') throw invalidFlag('--driver', driver, 'the only driver is local');
}
