import type { Command } from 'commander';
import { systemVersion } from '../../engine/index.ts';
import { stdout } from '../output.ts';
import { compileTemplate } from '../template.ts';

export function define(command: Command): void {
  command
    .option('-f, --format <format>', 'json, or a template such as {{.version}}')
    .action(async ({ format }: { format?: string }) => {
      const version = systemVersion();
      if (format === 'json') stdout().write(`${JSON.stringify(version)}\n`);
      else if (format !== undefined) stdout().write(`${compileTemplate(format)(version)}\n`);
      else {
        const native = Object.entries(version.native).map(([name, text]) => `  ${name} ${text}\n`);
        stdout().write(
          `strake ${version.version}, node ${version.node}, ${version.platform}\n${native.join('')}`,
        );
      }
    });
}
