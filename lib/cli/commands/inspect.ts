import type { Command } from 'commander';
import type { Engine } from '../../engine/index.ts';
import { EngineError, isEngineError } from '../../errors/index.ts';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { ExitCode, reportError } from '../report-error.ts';
import { compileTemplate } from '../template.ts';

interface InspectFlags {
  format?: string;
  type?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --format <format>', 'json, or a template such as {{.state.status}}')
    .option('--type <type>', 'container or image')
    .argument('<name...>')
    .action(async (names: string[], flags: InspectFlags) => {
      const engine = await cli.engine();
      const found: unknown[] = [];
      let failed = false;
      for (const name of names) {
        await inspect(engine, name, flags.type).then(
          (value) => found.push(value),
          (error: unknown) => {
            failed = true;
            reportError(error, 1);
          },
        );
      }
      stdout().write(render(found, flags.format));
      if (failed) throw new ExitCode(1);
    });
}

async function inspect(engine: Engine, name: string, type: string | undefined): Promise<unknown> {
  if (type === 'image') return await engine.images.inspect(name);
  try {
    return await engine.containers.inspect(name);
  } catch (error) {
    if (type === 'container' || !isEngineError(error, 'ERR_CONTAINER_NOT_FOUND')) throw error;
  }
  return await engine.images.inspect(name).catch((error: unknown) => {
    if (!isEngineError(error) || error.kind === 'internal') throw error;
    throw new EngineError('ERR_CONTAINER_NOT_FOUND', `there is neither a container nor an image ${name}`);
  });
}

function render(found: readonly unknown[], format: string | undefined): string {
  if (format === undefined) return `${JSON.stringify(found, null, 4)}\n`;
  if (format === 'json') return found.map((value) => `${JSON.stringify(value)}\n`).join('');
  const template = compileTemplate(format);
  return found.map((value) => `${template(value)}\n`).join('');
}
