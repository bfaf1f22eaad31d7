import type { Command } from 'commander';
import type { InspectedManifest } from '../../engine/index.ts';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { untilInterrupted } from '../until-interrupted.ts';

interface InspectFlags {
  raw?: true;
  verbose?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--insecure', 'ignored: see registries in the configuration')
    .option('--raw', 'the very bytes, whose digest is the name')
    .option('-v, --verbose', 'with descriptors, and every manifest of a list')
    .argument('<image>', 'a name in a registry, or of a list in the making')
    .argument('[manifest]', 'in place of it, as docker has it: LIST MANIFEST')
    .action(async (first: string, second: string | undefined, flags: InspectFlags) => {
      const manifests = await cli.manifests();
      await untilInterrupted('interrupted', async (signal) => {
        const children = flags.verbose === true;
        const found = await manifests.inspect(second ?? first, { children, signal });
        stdout().write(
          flags.raw ? found.bytes : `${JSON.stringify(shown(found, children), undefined, '\t')}\n`,
        );
      });
    });
}

function shown(found: InspectedManifest, verbose: boolean): unknown {
  if (!verbose) return documentOf(found);
  return found.children.length > 0 ? found.children.map(verboseOf) : verboseOf(found);
}

/** Docker's form of one manifest with its descriptor. */
function verboseOf(found: InspectedManifest): unknown {
  const { mediaType, digest, size, platform } = found.descriptor;
  const isDockers = mediaType.includes('docker');
  return {
    Ref: found.reference,
    Descriptor: {
      ...{ mediaType, digest, size },
      ...(platform && {
        platform: {
          architecture: platform.architecture,
          os: platform.os,
          ...(platform.osVersion && { 'os.version': platform.osVersion }),
          ...(platform.osFeatures && { 'os.features': platform.osFeatures }),
          ...(platform.variant && { variant: platform.variant }),
        },
      }),
    },
    Raw: found.bytes.toString('base64'),
    [isDockers ? 'SchemaV2Manifest' : 'OCIManifest']: documentOf(found),
  };
}

function documentOf({ bytes }: InspectedManifest): unknown {
  return JSON.parse(bytes.toString('utf8'));
}
