import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { ExitCode, reportError } from '../report-error.ts';
import { volumeDocument } from '../volume-document.ts';
import { renderer } from './inspect.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --format <format>', 'json, or a template such as {{.Mountpoint}}')
    .argument('<name...>')
    .action(async (names: string[], { format }: { format?: string }) => {
      const render = renderer(format);
      const { volumes } = await cli.engine();
      const found: unknown[] = [];
      let failed = false;
      for (const name of names) {
        await volumes.inspect(name).then(
          (info) => found.push(volumeDocument(info)),
          (error: unknown) => {
            failed = true;
            reportError(error, 1);
          },
        );
      }
      stdout().write(render(found));
      if (failed) throw new ExitCode(1);
    });
}
