import type { Command } from 'commander';
import type { Engine } from '../../engine/index.ts';
import { containerDocument } from '../../engine-api/index.ts';
import { EngineError, isEngineError } from '../../errors/index.ts';
import type { Cli } from '../cli.ts';
import { invalidFlag } from '../flag-values.ts';
import { onPlatform } from '../image-names.ts';
import { imageDocument } from '../inspect-image.ts';
import { stdout } from '../output.ts';
import { ExitCode, reportError } from '../report-error.ts';
import { compileTemplate } from '../template.ts';

interface InspectFlags {
  format?: string;
  platform?: string;
  size?: true;
  type?: string;
}

export function define(command: Command, cli: Cli): void {
  addInspectFlags(command)
    .option('--platform <os/arch>', 'of an image that is here for several platforms the one for this')
    .option('-s, --size', 'with what a container takes on disk')
    .option('--type <type>', 'container or image')
    .action((names: string[], flags: InspectFlags) => inspectAll(cli, names, flags));
}

export function addInspectFlags(command: Command): Command {
  return command
    .option('-f, --format <format>', 'json, or a template such as {{.State.Status}}')
    .argument('<name...>');
}

/** Prints what was found, though some was not. */
export async function inspectAll(cli: Cli, names: readonly string[], flags: InspectFlags): Promise<void> {
  if (flags.type !== undefined && !['container', 'image'].includes(flags.type))
    throw invalidFlag('--type', flags.type, 'write container or image');
  const render = renderer(flags.format);
  const engine = await cli.engine();
  const found: unknown[] = [];
  let failed = false;
  for (const name of names) {
    await inspect(engine, name, flags).then(
      (value) => found.push(value),
      (error: unknown) => {
        failed = true;
        reportError(error, 1);
      },
    );
  }
  stdout().write(render(found));
  if (failed) throw new ExitCode(1);
}

async function inspect(engine: Engine, name: string, flags: InspectFlags): Promise<unknown> {
  if (flags.type === 'image') return await inspectImage(engine, name, flags.platform);
  try {
    return await inspectContainer(engine, name, flags.size === true);
  } catch (error) {
    if (flags.type === 'container' || !isEngineError(error, 'ERR_CONTAINER_NOT_FOUND')) throw error;
  }
  return await inspectImage(engine, name, flags.platform).catch((error: unknown) => {
    if (!isEngineError(error) || error.kind === 'internal') throw error;
    throw new EngineError('ERR_CONTAINER_NOT_FOUND', `there is neither a container nor an image ${name}`);
  });
}

async function inspectImage(
  { images }: Engine,
  name: string,
  platform: string | undefined,
): Promise<unknown> {
  const image = await images.inspect(await onPlatform(images, name, platform));
  const summary = (await images.list()).find(({ id }) => id === image.id);
  return imageDocument(image, summary);
}

async function inspectContainer(
  { containers, images }: Engine,
  name: string,
  withSize: boolean,
): Promise<unknown> {
  const info = await containers.inspect(name);
  if (!withSize) return containerDocument(info);
  const written = await containers.size(info.id);
  const image = (await images.list()).find(({ id }) => id === info.imageId);
  return containerDocument(info, { sizes: { written, root: written + (image?.size ?? 0) } });
}

/** What prints the documents that were found: an array, or one line for each by `--format`. */
export function renderer(format: string | undefined): (found: readonly unknown[]) => string {
  if (format === undefined) return (found) => `${JSON.stringify(found, null, 4)}\n`;
  const line = format === 'json' ? JSON.stringify : compileTemplate(format);
  return (found) => found.map((value) => `${line(value)}\n`).join('');
}
