import { unlinkSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { Container, ExitStatus, StartedContainer } from '../../containers/index.ts';
import type { Engine } from '../../engine/index.ts';
import { EngineError } from '../../errors/index.ts';
import { attachStdio, type StdioOptions, terminalSize } from '../attach-stdio.ts';
import type { Cli } from '../cli.ts';
import { addContainerFlags, type ContainerFlags } from '../container-flags.ts';
import { containerOptions } from '../container-options.ts';
import { detachKeys } from '../detach-keys.ts';
import { invalidFlag, list } from '../flag-values.ts';
import { stderr, stdout } from '../output.ts';
import { proxySignals } from '../proxy-signals.ts';
import { showPull } from '../pull-progress.ts';
import { ExitCode, reportWarnings } from '../report-error.ts';

interface RunFlags extends ContainerFlags {
  attach?: string[];
  detach?: true;
  detachKeys?: string;
  sigProxy: string;
}

export function define(command: Command, cli: Cli): void {
  addAttachFlag(addContainerFlags(command))
    .option('-d, --detach', 'run in the background and print the id')
    .option('--detach-keys <keys>', 'keys that detach from the terminal')
    .option('--sig-proxy <bool>', 'pass signals to the command', 'true')
    .argument('<image>', 'a name in a registry, @host, or @/dir')
    .argument('[command...]')
    .passThroughOptions()
    .action(async (image: string, argv: string[], flags: RunFlags) => {
      throw new ExitCode(await runContainer(cli, image, argv, flags));
    });
}

async function runContainer(cli: Cli, image: string, argv: string[], flags: RunFlags): Promise<number> {
  const attach = attachedStreams(flags);
  requireTerminal(flags);
  const tty = flags.tty === true;
  const keys = await detachKeys(cli, flags.detachKeys, { tty, stdin: attach.stdin });
  const container = await createFromFlags(await cli.engine(), image, argv, flags);
  if (flags.detach) {
    reportWarnings((await startOrRemove(container, flags, () => container.start())).warnings);
    stdout().write(`${container.id}\n`);
    return 0;
  }
  const size = tty && terminalSize();
  const started = await startOrRemove(container, flags, () =>
    container.start({
      attach,
      ...(size && { terminal: size }),
    }),
  );
  const ended = await stayAttached(started, {
    tty,
    stdin: attach.stdin,
    sigProxy: flags.sigProxy !== 'false' && !tty,
    ...keys,
  });
  return ended === 'detached' ? 0 : ended.exitCode;
}

/** For `run` and `create`, which knows it only because docker's does. */
export function addAttachFlag(command: Command): Command {
  return command.option('-a, --attach <stream>', 'only stdin, stdout or stderr', list);
}

/** Those asked for; by default output, and stdin when it is kept open. @throws EngineError ERR_INVALID_ARGUMENT */
function attachedStreams({ attach, detach, interactive }: RunFlags) {
  if (attach === undefined) return { stdin: interactive === true, stdout: true, stderr: true };
  if (detach) throw invalidFlag('--attach', attach.join(' '), 'conflicting options: --attach and --detach');
  const streams = attach.map((stream) => stream.toLowerCase());
  const unknown = streams.find((stream) => !['stdin', 'stdout', 'stderr'].includes(stream));
  if (unknown !== undefined)
    throw invalidFlag('--attach', unknown, 'valid streams are STDIN, STDOUT and STDERR');
  const has = (stream: string) => streams.includes(stream);
  return { stdin: has('stdin') && interactive === true, stdout: has('stdout'), stderr: has('stderr') };
}

/** A container that runs, with its stdio. */
export type Attached = Pick<StartedContainer, 'attachment' | 'warnings' | 'kill'>;

/** Attached stdio and proxied signals until the end; warnings as they are known before and after. */
export async function stayAttached(
  started: Attached,
  options: StdioOptions & { sigProxy: boolean },
): Promise<ExitStatus | 'detached'> {
  const { attachment, warnings } = started;
  if (attachment === null) throw new TypeError('the container was started without attach');
  const reported = reportWarnings(warnings);
  using _signals = options.sigProxy ? proxySignals((signal) => started.kill(signal)) : undefined;
  const ended = await attachStdio(attachment, options);
  reportWarnings(warnings, reported);
  return ended;
}

/** Pulls with progress, creates, writes the id file. */
export async function createFromFlags(
  engine: Engine,
  image: string,
  argv: readonly string[],
  flags: ContainerFlags,
): Promise<Container> {
  const options = containerOptions(flags, argv);
  if (flags.cidfile) writeIdFile(flags.cidfile, '');
  try {
    await pullIfNeeded(engine, image, flags);
    const pulled = flags.pull === 'always' ? { ...options, pull: 'missing' as const } : options;
    const container = await engine.containers.create(image, pulled);
    if (flags.cidfile) writeFileSync(flags.cidfile, container.id);
    return container;
  } catch (error) {
    if (flags.cidfile) unlinkSync(flags.cidfile);
    throw error;
  }
}

/** The same that create() would do, but shown. */
async function pullIfNeeded(engine: Engine, image: string, flags: ContainerFlags): Promise<void> {
  if (image.startsWith('@') || flags.pull === 'never') return;
  if (flags.pull !== 'always' && (await isHere(engine, image, flags))) return;
  if (flags.pull !== 'always' && !flags.quiet) stderr().write(`image ${image} is not here: pulling it\n`);
  await showPull(engine.images.pull(image, flags.platform ? { platform: flags.platform } : {}), {
    quiet: flags.quiet === true,
  });
}

async function isHere(engine: Engine, image: string, flags: ContainerFlags): Promise<boolean> {
  if (flags.platform) return false; // create() compares platforms, a pull of what is here is one request
  const found = await engine.images.inspect(image).catch((error: unknown) => {
    if ((error as { code?: string }).code === 'ERR_IMAGE_NOT_FOUND') return null;
    throw error;
  });
  return found !== null;
}

/** With --rm nothing stays of a container that could not be started. */
async function startOrRemove<T>(
  container: Container,
  flags: ContainerFlags,
  start: () => Promise<T>,
): Promise<T> {
  try {
    return await start();
  } catch (error) {
    if (flags.rm) await container.remove({ force: true, volumes: true }).catch(() => undefined);
    throw error;
  }
}

function requireTerminal(flags: RunFlags): void {
  if (flags.tty && flags.interactive && !flags.detach && !process.stdin.isTTY) {
    throw new EngineError(
      'ERR_INVALID_ARGUMENT',
      'the input device is not a TTY: leave out -t when stdin is a pipe or a file',
    );
  }
}

function writeIdFile(path: string, id: string): void {
  try {
    writeFileSync(path, id, { flag: 'wx' });
  } catch (error) {
    throw invalidFlag('--cidfile', path, `it must not exist and be writable (${(error as Error).message})`);
  }
}
