import type { Command } from 'commander';
import { scrubRegistry } from '../../registry-server/index.ts';
import type { Cli } from '../cli.ts';
import { formatSize } from '../format.ts';
import { stderr, stdout } from '../output.ts';
import { openRegistryStorage, type StoreFlags, withStorage } from '../registry-store.ts';
import { ExitCode } from '../report-error.ts';
import { untilInterrupted } from '../until-interrupted.ts';

export function define(command: Command, cli: Cli): void {
  withStorage(command)
    .option('--remove', 'take away what is corrupt: nobody is sent it, and a push brings it anew')
    .option('--format <format>', 'json')
    .action(async (flags: StoreFlags & { remove?: true; format?: string }) => {
      await using storage = await openRegistryStorage(cli, flags);
      const report = await untilInterrupted('interrupted', (signal) =>
        scrubRegistry(storage, { remove: flags.remove === true, signal }),
      );
      const { blobs, bytes, problems } = report;
      if (flags.format === 'json') stdout().write(`${JSON.stringify(report)}\n`);
      else stdout().write(`read ${blobs} blobs, ${formatSize(bytes)}: ${problems.length} problems\n`);
      for (const { what, digest, repository = '', detail } of problems)
        stderr().write(`strake: ${what}: ${repository} ${digest}: ${detail}\n`);
      if (problems.length > 0) throw new ExitCode(1);
    });
}
