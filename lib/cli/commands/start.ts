import { type Command, Option } from 'commander';
import type { ContainerStatus, Containers, StartedContainer } from '../../containers/index.ts';
import { isEngineError } from '../../errors/index.ts';
import { terminalSize } from '../attach-stdio.ts';
import type { Cli } from '../cli.ts';
import { detachKeys } from '../detach-keys.ts';
import { invalidFlag } from '../flag-values.ts';
import { stdout } from '../output.ts';
import { ExitCode, forEachReporting, reportWarnings } from '../report-error.ts';
import { type Attached, stayAttached } from './run.ts';

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
        reportWarnings((await unlessRunning(containers.start(name)))?.warnings ?? []);
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
  const starting = containers.start(name, { attach: { stdin }, ...(tty && size && { terminal: size }) });
  const started = (await unlessRunning(starting)) ?? (await attachRunning(containers, name, stdin));
  const ended = await stayAttached(started, {
    tty,
    stdin,
    sigProxy: flags.sigProxy !== 'false' && !tty,
    ...keys,
  });
  return ended === 'detached' ? 0 : ended.exitCode;
}

/** undefined for one that runs already: to docker that is no error, where one that is paused is. */
async function unlessRunning(starting: Promise<StartedContainer>): Promise<StartedContainer | undefined> {
  return await starting.catch((error: unknown) => {
    const running: readonly unknown[] = ['running', 'restarting'] satisfies ContainerStatus[];
    if (isEngineError(error, 'ERR_CONTAINER_STATE') && running.includes(error.details.status))
      return undefined;
    throw error;
  });
}

async function attachRunning(containers: Containers, name: string, stdin: boolean): Promise<Attached> {
  const container = await containers.get(name);
  const attachment = await container.attach({ stdin });
  return { attachment, warnings: [], kill: container.kill };
}
