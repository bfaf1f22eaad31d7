import type { Command } from 'commander';
import type { Engine, PushedImage } from '../../engine/index.ts';
import { EngineError } from '../../errors/index.ts';
import { formatReference, parseReference, repositoryName } from '../../reference/index.ts';
import type { Cli } from '../cli.ts';
import { parseCompression } from '../compression-flag.ts';
import { invalidFlag } from '../flag-values.ts';
import { stderr, stdout } from '../output.ts';
import { showPush } from '../push-progress.ts';
import { untilInterrupted } from '../until-interrupted.ts';

interface PushFlags {
  allPlatforms?: true;
  allTags?: true;
  compression?: string;
  disableContentTrust?: true;
  platform?: string;
  quiet?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--all-platforms', 'push the index, with every platform that is here')
    .option('-a, --all-tags', 'push all tags of the repository')
    .option(
      '--compression <format[:level]>',
      'bring every layer into this form: gzip[:1-9], zstd[:1-19] or none (default: as it is kept; a tar by gzip)',
    )
    .option('--disable-content-trust', 'ignored: there is no content trust')
    .option('--platform <os/arch>', 'of an image for several platforms the one for this')
    .option('-q, --quiet', 'no progress, only the name')
    .argument('<image>', 'a name that an image has here: HOST/PATH:TAG')
    .action((name: string, flags: PushFlags) => push(cli, name, flags));
}

async function push(cli: Cli, name: string, flags: PushFlags): Promise<void> {
  if (flags.allPlatforms && flags.platform !== undefined)
    throw invalidFlag('--platform', flags.platform, 'with --all-platforms every platform is pushed');
  const compression = flags.compression === undefined ? undefined : parseCompression(flags.compression);
  const engine = await cli.engine();
  const names = flags.allTags ? await tagsOf(engine, name) : [name];
  const quiet = flags.quiet === true;
  if (!quiet) stdout().write(`The push refers to repository [${repositoryName(parseReference(name))}]\n`);
  await untilInterrupted('push interrupted; what the registry has got is not sent again', async (signal) => {
    for (const one of names) {
      const { platform, allPlatforms = false } = flags;
      const task = engine.images.push(one, { compression, platform, allPlatforms, signal });
      print(await showPush(task, { quiet }), quiet);
    }
  });
}

/** Docker's last line. */
function print({ reference, digest, size, repacked }: PushedImage, quiet: boolean): void {
  const tag = parseReference(reference).tag;
  if (repacked && !quiet)
    stderr().write('strake: layers were compressed for this push, under a manifest of its own\n');
  stdout().write(quiet ? `${reference}\n` : `${tag}: digest: ${digest} size: ${size}\n`);
}

async function tagsOf({ images }: Engine, name: string): Promise<string[]> {
  const wanted = parseReference(name);
  if (wanted.digest !== undefined || name.lastIndexOf(':') > name.lastIndexOf('/'))
    throw invalidFlag('--all-tags', name, 'give the repository alone, without a tag');
  const all = (await images.list()).flatMap(({ references }) => references);
  const found = all.filter((one) => repositoryName(parseReference(one)) === repositoryName(wanted)).sort();
  if (found.length > 0) return found;
  throw new EngineError('ERR_IMAGE_NOT_FOUND', `no image here has a tag in ${formatReference(wanted)}`);
}
