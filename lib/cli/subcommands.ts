import type { Command } from 'commander';
import type { Cli, CommandModule } from './cli.ts';

/** What stands behind a word such as `image` or `system`: its summary and the module that it is in. */
export type Subcommands = Readonly<
  Record<string, readonly [summary: string, load: () => Promise<CommandModule>]>
>;

/** A command that is a group of commands. Only the module of the one that is called is loaded, when it is called. */
export function group(subcommands: Subcommands): CommandModule {
  return {
    define: (command: Command, cli: Cli, called?: string) => {
      for (const [name, [summary]] of Object.entries(subcommands)) {
        command.command(name).summary(summary).description(summary).helpOption('--help', 'show help');
      }
      if (called !== undefined && !Object.hasOwn(subcommands, called) && !called.startsWith('-'))
        command.error(
          `error: unknown command ${JSON.stringify(called)}: see strake ${command.name()} --help`,
        );
      const found = command.commands.find((inner) => inner.name() === called);
      if (found === undefined || called === undefined) return;
      return subcommands[called]?.[1]().then((module) => module.define(found, cli));
    },
  };
}
