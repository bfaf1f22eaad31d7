import type { Command } from 'commander';
import { EngineError } from '../../errors/index.ts';
import { type CollectReport, collectGarbage } from '../../registry-server/index.ts';
import type { Cli } from '../cli.ts';
import { durationFlag } from '../flag-values.ts';
import { formatSize } from '../format.ts';
import { stderr, stdout } from '../output.ts';
import { openRegistryStorage, type StoreFlags, withStorage } from '../registry-store.ts';
import { untilInterrupted } from '../until-interrupted.ts';

interface CollectFlags extends StoreFlags {
  grace?: number;
  untagged?: true;
  format?: string;
}

export function define(command: Command, cli: Cli): void {
  withStorage(command)
    .option('--grace <time>', 'keep what was needed within that time (default: 1h)', durationFlag('--grace'))
    .option('--untagged', 'remove manifests to which no tag leads, too')
    .option('--format <format>', 'json')
    .action(async (flags: CollectFlags) => {
      await using storage = await openRegistryStorage(cli, flags);
      const report = await untilInterrupted('interrupted: what was removed stays so', (signal) =>
        collectGarbage(storage, {
          ...(flags.grace !== undefined && { grace: flags.grace }),
          ...(flags.untagged && { untagged: true }),
          signal,
        }),
      );
      if (report === undefined)
        throw new EngineError(
          'ERR_UPLOAD_BUSY',
          'somebody else is collecting in this registry: try again later',
        );
      print(report, flags.format);
    });
}

function print(report: CollectReport, format: string | undefined): void {
  if (format === 'json') return void stdout().write(`${JSON.stringify(report)}\n`);
  const { tags, manifests, blobs, bytes, uploads, damaged } = report;
  stdout().write(
    `removed ${tags} tags, ${manifests} manifests, ${blobs} blobs, ${uploads} uploads: ${formatSize(bytes)}\n`,
  );
  for (const name of damaged)
    stderr().write(
      `strake: warning: ${name} has a manifest that cannot be read: see strake registry scrub\n`,
    );
}
