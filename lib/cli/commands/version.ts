import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { compileTemplate } from '../template.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --format <format>', 'json, or a template such as {{.version}}')
    .action(async ({ format }: { format?: string }) => {
      const version = (await cli.engine()).system.version();
      if (format === 'json') process.stdout.write(`${JSON.stringify(version)}\n`);
      else if (format !== undefined) process.stdout.write(`${compileTemplate(format)(version)}\n`);
      else {
        const native = Object.entries(version.native).map(([name, text]) => `  ${name} ${text}\n`);
        process.stdout.write(
          `strake ${version.version}, node ${version.node}, ${version.platform}\n${native.join('')}`,
        );
      }
    });
}
