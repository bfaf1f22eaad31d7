import type { Command } from 'commander';
import { EngineError } from '../../errors/index.ts';
import type { Cli } from '../cli.ts';

interface AnnotateFlags {
  arch?: string;
  os?: string;
  osFeatures?: string[];
  osVersion?: string;
  variant?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--arch <architecture>', 'architecture, such as arm64')
    .option('--os <system>', 'operating system, such as linux')
    .option('--os-features <features>', 'what it must have, such as win32k: one or more, by commas', features)
    .option('--os-version <version>', 'its version, which Windows images have')
    .option('--variant <variant>', "the architecture's variant, such as v7")
    .argument('<list>')
    .argument('<image>', 'one that the list has')
    .action(async (list: string, image: string, flags: AnnotateFlags) => {
      const { arch: architecture, os, osFeatures, osVersion, variant } = flags;
      if (Object.keys(flags).length === 0)
        throw new EngineError(
          'ERR_INVALID_ARGUMENT',
          'nothing to say: give --os, --arch, --variant, --os-features or --os-version',
        );
      await (await cli.manifests()).annotate(list, image, {
        architecture,
        os,
        osFeatures,
        osVersion,
        variant,
      });
    });
}

/** For commander: docker's string slice, by commas or again and again. */
function features(value: string, all: readonly string[] = []): string[] {
  return [...all, ...value.split(',').filter(Boolean)];
}
