import { type Command, Option } from 'commander';
import { terminalSize } from '../attach-stdio.ts';
import type { Cli } from '../cli.ts';
import { detachKeys } from '../detach-keys.ts';
import { invalidFlag } from '../flag-values.ts';
import { stdout } from '../output.ts';
import { ExitCode, forEachReporting, reportWarnings } from '../report-error.ts';
import { stayAttached } from './run.ts';

interface StartFlags {
  attach?: true;
  checkpoint?: string;
  checkpointDir?: string;
  interactive?: true;
  detachKeys?: string;
  sigProxy: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-a, --attach', 'show its output and pass signals on')
    .addOption(new Option('--checkpoint <name>').hideHelp())
    .addOption(new Option('--checkpoint-dir <directory>').hideHelp())
    .option('-i, --interactive', 'send stdin to it')
    .option('--detach-keys <keys>', 'keys that detach from the terminal')
    .option('--sig-proxy <bool>', 'pass signals to the command', 'true')
    .argument('<container...>')
    .action(async (names: string[], flags: StartFlags) => {
      if (flags.checkpoint !== undefined || flags.checkpointDir !== undefined)
        throw invalidFlag(
          '--checkpoint',
          flags.checkpoint ?? '',
          'containers are not checkpointed (no CRIU here)',
        );
      if (flags.attach || flags.interactive) throw new ExitCode(await startAttached(cli, names, flags));
      const { containers } = await cli.engine();
      await forEachReporting(names, async (name) => {
        reportWarnings((await containers.start(name)).warnings);
        stdout().write(`${name}\n`);
      });
    });
}

async function startAttached(cli: Cli, names: string[], flags: StartFlags): Promise<number> {
  const [name = '', ...more] = names;
  if (more.length > 0) throw invalidFlag('--attach', more.join(' '), 'only one container can be attached to');
  const { containers } = await cli.engine();
  const { tty } = await containers.inspect(name);
  const size = terminalSize();
  const stdin = flags.interactive === true;
  const keys = await detachKeys(cli, flags.detachKeys, { tty, stdin });
  const started = await containers.start(name, { attach: { stdin }, ...(tty && size && { terminal: size }) });
  const ended = await stayAttached(started, {
    tty,
    stdin,
    sigProxy: flags.sigProxy !== 'false' && !tty,
    ...keys,
  });
  return ended === 'detached' ? 0 : ended.exitCode;
}
