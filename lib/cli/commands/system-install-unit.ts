import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { invalidFlag } from '../flag-values.ts';
import { stdout } from '../output.ts';

/** Where systemd looks for what an administrator adds (systemd.unit(5)). */
const defaultFolder = '/etc/systemd/system';
const unitName = 'strake-restart.service';

export function define(command: Command, cli: Cli): void {
  command
    .option('--directory <directory>', 'where units are', defaultFolder)
    .action(async ({ directory }: { directory: string }) => {
      const { root } = await cli.engine();
      const path = join(resolve(directory), unitName);
      try {
        writeFileSync(path, unitOf([process.execPath, process.argv[1] ?? '', '--root', root]), {
          mode: 0o644,
        });
      } catch (error) {
        throw invalidFlag('--directory', directory, (error as Error).message);
      }
      stdout().write(`${path}\nEnable it with: systemctl enable ${unitName}\n`);
    });
}

/**
 * Monitors are left alone when the unit stops: they are no part of it, and systemd would end them with it otherwise
 * (systemd.kill(5), KillMode=process).
 */
function unitOf(strake: readonly string[]): string {
  return `[Unit]
Description=Start strake's containers by their restart policies
After=network-online.target local-fs.target
Wants=network-online.target

[Service]
Type=oneshot
RemainAfterExit=yes
KillMode=process
SendSIGKILL=no
ExecStart=${[...strake, 'system', 'start-restartable'].map(quoted).join(' ')}

[Install]
WantedBy=multi-user.target
`;
}

/** systemd.service(5), "Command lines": quotes, and what has a meaning to systemd doubled. */
function quoted(word: string): string {
  return `"${word.replace(/[\\"]/g, '\\$&').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}
