import type { Command } from 'commander';
import { EngineError } from '../../errors/index.ts';
import { attachStdio, terminalSize } from '../attach-stdio.ts';
import type { Cli } from '../cli.ts';
import { defined, readEnvironment } from '../container-options.ts';
import { detachKeys } from '../detach-keys.ts';
import { list } from '../flag-values.ts';
import { ExitCode } from '../report-error.ts';

interface ExecFlags {
  detach?: true;
  detachKeys?: string;
  env?: string[];
  envFile?: string[];
  interactive?: true;
  privileged?: true;
  tty?: true;
  user?: string;
  workdir?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-d, --detach', 'run in the background')
    .option('--detach-keys <keys>', 'keys that detach from the terminal')
    .option('-e, --env <name=value>', 'set a variable', list)
    .option('--env-file <file>', 'read variables from a file', list)
    .option('-i, --interactive', 'keep stdin open')
    .option('--privileged', 'all capabilities')
    .option('-t, --tty', 'give it a terminal')
    .option('-u, --user <user>', 'name|uid[:group|gid]')
    .option('-w, --workdir <path>', 'working directory')
    .argument('<container>')
    .argument('<command...>')
    .passThroughOptions()
    .action(async (name: string, argv: string[], flags: ExecFlags) => {
      throw new ExitCode(await execInContainer(cli, name, argv, flags));
    });
}

async function execInContainer(cli: Cli, name: string, argv: string[], flags: ExecFlags): Promise<number> {
  const tty = flags.tty === true;
  const stdin = flags.interactive === true;
  if (tty && stdin && !flags.detach && !process.stdin.isTTY) {
    throw new EngineError(
      'ERR_INVALID_ARGUMENT',
      'the input device is not a TTY: leave out -t when stdin is a pipe or a file',
    );
  }
  const keys = await detachKeys(cli, flags.detachKeys, { tty, stdin: stdin && !flags.detach });
  const { containers } = await cli.engine();
  const process_ = await containers.exec(name, argv, {
    tty,
    stdin: stdin && !flags.detach,
    attach: !flags.detach,
    env: readEnvironment(flags) ?? {},
    ...defined({ user: flags.user, cwd: flags.workdir, privileged: flags.privileged }),
    ...(tty && defined({ terminal: terminalSize() })),
  });
  if (flags.detach) {
    process_.detach();
    return 0;
  }
  const ended = await attachStdio(process_, { tty, stdin, ...keys });
  return ended === 'detached' ? 0 : ended.exitCode;
}
