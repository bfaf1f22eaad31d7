import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { forEachReporting } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --force', 'also when a stopped container uses it')
    .argument('<image...>')
    .action(async (names: string[], flags: { force?: true }) => {
      const { images } = await cli.engine();
      await forEachReporting(names, async (name) => {
        for (const removed of await images.remove(name, { force: flags.force === true })) {
          const line =
            'untagged' in removed ? `Untagged: ${removed.untagged}` : `Deleted: ${removed.deleted}`;
          stdout().write(`${line}\n`);
        }
      });
    });
}
