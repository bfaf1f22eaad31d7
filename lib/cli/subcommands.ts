import type { Command } from 'commander';
import type { Cli, CommandModule } from './cli.ts';

/** What stands behind a word such as `image` or `system`: its summary and the module that it is in. */
export type Subcommands = Readonly<
  Record<string, readonly [summary: string, load: () => Promise<CommandModule>, aliases?: readonly string[]]>
>;

/** A command that is a group of commands. Only the module of the one that is called is loaded, when it is called. */
export function group(subcommands: Subcommands): CommandModule {
  return {
    define: (command: Command, cli: Cli, called?: string) => {
      for (const [name, [summary, , aliases = []]] of Object.entries(subcommands)) {
        const inner = command.command(name).summary(summary).description(summary);
        inner.aliases([...aliases]).helpOption('--help', 'show help');
      }
      const found = command.commands.find((inner) => isCalled(inner, called));
      if (called !== undefined && found === undefined && !called.startsWith('-'))
        command.error(
          `error: unknown command ${JSON.stringify(called)}: see strake ${command.name()} --help`,
        );
      if (found === undefined) return;
      return subcommands[found.name()]?.[1]().then((module) => module.define(found, cli));
    },
  };
}

/** By its name, or by one of its other ones. */
export function isCalled(command: Command, word: string | undefined): boolean {
  return word !== undefined && (command.name() === word || command.aliases().includes(word));
}
