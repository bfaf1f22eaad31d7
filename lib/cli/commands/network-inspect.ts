import type { Command } from 'commander';
import { networkDocument } from '../../engine-api/index.ts';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { ExitCode, reportError } from '../report-error.ts';
import { renderer } from './inspect.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --format <format>', 'json, or a template such as {{.Id}}')
    .argument('<name...>')
    .action(async (names: string[], { format }: { format?: string }) => {
      const render = renderer(format);
      const { networks } = await cli.engine();
      const results = await Promise.allSettled(names.map((name) => networks.inspect(name)));
      const found = results.flatMap((result) =>
        result.status === 'fulfilled' ? [networkDocument(result.value)] : [],
      );
      stdout().write(render(found));
      const failed = results.filter((result) => result.status === 'rejected');
      for (const { reason } of failed) reportError(reason, 1);
      if (failed.length > 0) throw new ExitCode(1);
    });
}
