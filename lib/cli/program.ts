import { resolve } from 'node:path';
import { Command, CommanderError } from 'commander';
import type { EngineOptions } from '../engine/index.ts';
import { beginTrace } from '../trace/index.ts';
import { withoutBooleanValues } from './boolean-flags.ts';
import { type CommandModule, createCli } from './cli.ts';
import { stderr, stdout } from './output.ts';
import { ExitCode, reportError } from './report-error.ts';
import { isCalled } from './subcommands.ts';

interface CommandEntry {
  readonly summary: string;
  readonly load: () => Promise<CommandModule>;
  readonly aliases?: readonly string[];
  /** Exit code of an error of ours: 125 where the command's own code is passed on (docker's rule). */
  readonly failure?: number;
}

const commands: Readonly<Record<string, CommandEntry>> = {
  run: { summary: 'run a command in a new container', load: () => import('./commands/run.ts'), failure: 125 },
  create: { summary: 'make a container without starting it', load: () => import('./commands/create.ts') },
  start: { summary: 'start containers that are stopped', load: () => import('./commands/start.ts') },
  exec: { summary: 'run a command in a running container', load: () => import('./commands/exec.ts') },
  attach: { summary: "connect to a running container's stdio", load: () => import('./commands/attach.ts') },
  ps: { summary: 'list containers', load: () => import('./commands/ps.ts') },
  inspect: {
    summary: 'show all about containers or images, as JSON',
    load: () => import('./commands/inspect.ts'),
  },
  logs: { summary: 'show what a container wrote', load: () => import('./commands/logs.ts') },
  stop: { summary: 'stop running containers', load: () => import('./commands/stop.ts') },
  restart: { summary: 'stop containers and start them again', load: () => import('./commands/restart.ts') },
  kill: { summary: 'send a signal to running containers', load: () => import('./commands/kill.ts') },
  pause: { summary: 'freeze running containers', load: () => import('./commands/pause.ts') },
  unpause: { summary: 'thaw paused containers', load: () => import('./commands/unpause.ts') },
  wait: {
    summary: 'wait until containers end, print their exit codes',
    load: () => import('./commands/wait.ts'),
  },
  rename: { summary: 'give a container another name', load: () => import('./commands/rename.ts') },
  update: { summary: "change containers' limits", load: () => import('./commands/update.ts') },
  top: { summary: "list a container's processes", load: () => import('./commands/top.ts') },
  stats: { summary: 'show what containers use', load: () => import('./commands/stats.ts') },
  events: { summary: 'show what happens, as it happens', load: () => import('./commands/events.ts') },
  rm: { summary: 'remove containers', load: () => import('./commands/rm.ts') },
  diff: { summary: 'list what a container has changed', load: () => import('./commands/diff.ts') },
  cp: {
    summary: 'copy files between a container and this machine',
    load: () => import('./commands/cp.ts'),
  },
  export: {
    summary: "write a container's root file system as a tar",
    load: () => import('./commands/export.ts'),
  },
  commit: { summary: 'make an image of a container', load: () => import('./commands/commit.ts') },
  pull: { summary: 'download an image from a registry', load: () => import('./commands/pull.ts') },
  push: { summary: 'store an image in a registry', load: () => import('./commands/push.ts') },
  login: { summary: 'log in to a registry', load: () => import('./commands/login.ts') },
  logout: { summary: 'forget the login to a registry', load: () => import('./commands/logout.ts') },
  search: { summary: 'search a registry for images', load: () => import('./commands/search.ts') },
  manifest: {
    summary: 'look at manifests in a registry, and make lists of them',
    load: () => import('./commands/manifest.ts'),
  },
  serve: { summary: "answer docker's clients on a socket", load: () => import('./commands/serve.ts') },
  registry: { summary: 'serve a registry, and manage one', load: () => import('./commands/registry.ts') },
  images: { summary: 'list images', load: () => import('./commands/images.ts') },
  save: { summary: 'write images to an archive', load: () => import('./commands/save.ts') },
  import: {
    summary: "make an image of a root file system's tar",
    load: () => import('./commands/import.ts'),
  },
  copy: {
    summary: 'copy an image between registries, layouts, archives and this store',
    load: () => import('./commands/copy.ts'),
  },
  load: { summary: 'load images from an archive, or from stdin', load: () => import('./commands/load.ts') },
  tag: { summary: 'give an image a further name', load: () => import('./commands/tag.ts') },
  rmi: { summary: 'remove images', load: () => import('./commands/rmi.ts') },
  history: { summary: 'show how an image came to be', load: () => import('./commands/history.ts') },
  image: { summary: 'manage images', load: () => import('./commands/image.ts') },
  volume: { summary: 'manage volumes', load: () => import('./commands/volume.ts') },
  network: { summary: 'manage networks', load: () => import('./commands/network.ts') },
  port: {
    summary: "list a container's published ports, or change them while it runs",
    load: () => import('./commands/port.ts'),
  },
  container: { summary: 'manage containers', load: () => import('./commands/container.ts') },
  system: { summary: 'manage all that the engine holds', load: () => import('./commands/system.ts') },
  info: {
    summary: 'show what this engine and this machine can do',
    load: () => import('./commands/info.ts'),
  },
  version: { summary: 'show versions', load: () => import('./commands/version.ts') },
};

const description = `Containers without a daemon, with docker's verbs and flags.

An IMAGE is a name in a registry (debian:12, ghcr.io/owner/name), or @host: this machine's own \
root file system, read-only below and copy-on-write above, or @/some/dir likewise. With @host the \
machine's other files CAN BE READ by the container; hide what it must not see with --hide PATH.

As root a container is on the network bridge unless --network says otherwise; an ordinary user's has a
loopback interface only.`;

/** Runs the command line and answers the exit code. Nothing is thrown; errors are printed on stderr. */
export async function runCommandLine(given: readonly string[]): Promise<number> {
  const argv = given[0] === '--version' || given[0] === '-v' ? ['version'] : given;
  const at = commandIndex(argv);
  const name = argv[at];
  const trace = beginTrace(`strake ${name ?? ''}`, undefined, processStart);
  trace?.step('node and the main script');
  try {
    const program = await buildProgram(name, argv[at + 1]);
    trace?.step('command loaded');
    const words = goWords(program, argv, at);
    await program.parseAsync(words, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof ExitCode) return error.code;
    const failure = commands[name ?? '']?.failure ?? 1;
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : failure;
    return reportError(error, failure);
  } finally {
    trace?.step('command done');
    trace?.end();
  }
}

/** The words in commander's form, behind the command, or behind the command of a group. */
function goWords(program: Command, argv: readonly string[], at: number): string[] {
  const command = program.commands.find((one) => one.name() === argv[at]);
  const inner = command?.commands.find((one) => isCalled(one, argv[at + 1]));
  const end = inner ? at + 2 : at + 1;
  return [...argv.slice(0, end), ...withoutBooleanValues(argv.slice(end), (inner ?? command)?.options ?? [])];
}

/** On the clock of process.hrtime. */
function processStart(): bigint {
  return process.hrtime.bigint() - BigInt(Math.round(performance.now() * 1e6));
}

async function buildProgram(called: string | undefined, next?: string): Promise<Command> {
  const program = new Command('strake')
    .description(description)
    .option(
      '--root <directory>',
      'keep everything below this directory (default: $STRAKE_ROOT, else /var/lib/strake or ~/.local/share/strake)',
    )
    .option('--config <file>', 'registry configuration')
    .helpOption('--help', 'show help')
    .helpCommand('help [command]', 'show help for a command')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout().write(text),
      writeErr: (text) => stderr().write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'strake: ')),
    });
  const cli = createCli(() => engineOptions(program.opts()));
  for (const [name, { summary, load }] of wantedCommands(called)) {
    const command = program
      .command(name)
      .summary(summary)
      .description(summary)
      .helpOption('--help', 'show help');
    if (name === called) await (await load()).define(command, cli, next);
  }
  if (called === undefined) offerHelp(program);
  return program;
}

/** Without a command, or with a word that is none. */
function offerHelp(program: Command): void {
  program
    .option('-v, --version', 'show versions')
    .allowExcessArguments()
    .action(() => {
      const [word] = program.args;
      if (word !== undefined)
        program.error(`error: unknown command ${JSON.stringify(word)}: see strake --help`);
      program.help({ error: true });
    });
}

/** All of them only to be listed: making a command takes a quarter of a millisecond. */
function wantedCommands(called: string | undefined): [string, CommandEntry][] {
  return Object.entries(commands).filter(([name]) => called === undefined || name === called);
}

/** A path on the command line is relative to where one stands. */
function engineOptions({ root, config }: { root?: string; config?: string }): EngineOptions {
  return {
    ...(root && { root: resolve(root) }),
    ...(config && { config }),
  };
}

/** Where the first word is that is a command, before anything is parsed: only its module is loaded. -1 for none. */
function commandIndex(argv: readonly string[]): number {
  const isHelp = argv[0] === 'help';
  for (let index = isHelp ? 1 : 0; index < argv.length; index++) {
    const word = argv[index] ?? '';
    if (takesValue(argv[index - 1]) || word.startsWith('-')) continue;
    return Object.hasOwn(commands, word) ? index : -1;
  }
  return -1;
}

function takesValue(word: string | undefined): boolean {
  return word === '--root' || word === '--config';
}
