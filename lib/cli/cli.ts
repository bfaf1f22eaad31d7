import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import type { Engine, EngineOptions, ManifestLists, Registries } from '../engine/index.ts';

/** What a command gets from the program around it. */
export interface Cli {
  /** The engine of --root, opened at the first call. */
  engine(): Promise<Engine>;
  /** Registries alone, for which nobody has to be root. */
  registries(): Promise<Registries>;
  /** Manifests and lists of them, likewise. */
  manifests(): Promise<ManifestLists>;
  /** What the configuration says. */
  config(): Promise<Config>;
  /** The directory that everything is below, made if need be. */
  rootPath(): Promise<string>;
}

/** A command's module: loaded when it is called. */
export interface CommandModule {
  /** Adds arguments, flags and the action; of a group its commands, of which `called` is the one that is called. */
  define(command: Command, cli: Cli, called?: string): void | Promise<void>;
}

export function createCli(options: () => EngineOptions): Cli {
  let engine: Promise<Engine> | undefined;
  return {
    engine: () => {
      engine ??= import('../engine/index.ts').then(({ openEngine }) => openEngine(options()));
      return engine;
    },
    manifests: async () => (await import('../engine/index.ts')).openManifests(options()),
    config: async () => {
      const { config } = options();
      return await (await import('../config/index.ts')).loadConfig(
        config === undefined ? {} : { file: config },
      );
    },
    rootPath: async () => (await import('../engine/index.ts')).openRoot(options(), process.env).root,
    registries: async () => (await import('../engine/index.ts')).openRegistries(options()),
  };
}
