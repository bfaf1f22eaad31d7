import type { Command } from 'commander';
import type { SystemInfo } from '../../engine/index.ts';
import type { Cli } from '../cli.ts';
import { stdout } from '../output.ts';
import { compileTemplate } from '../template.ts';

export function define(command: Command, cli: Cli): void {
  command
    .option('-f, --format <format>', 'json, or a template such as {{.kernel}}')
    .action(async ({ format }: { format?: string }) => {
      const info = await (await cli.engine()).system.info();
      stdout().write(`${render(info, format)}\n`);
    });
}

function render(info: SystemInfo, format: string | undefined): string {
  if (format === 'json') return JSON.stringify(info);
  if (format !== undefined) return compileTemplate(format)(info);
  const { containers } = info;
  return [
    `Root:             ${info.root}`,
    `Run directory:    ${info.runDir}`,
    `Containers:       ${containers.total} (${containers.running} running, ${containers.paused} paused, ${containers.stopped} stopped)`,
    `Images:           ${info.images}`,
    `Layers:           ${info.snapshotter}`,
    `OCI runtime:      ${info.ociRuntime ?? 'not built'}`,
    `Kernel:           ${info.kernel}`,
    `Operating system: ${info.operatingSystem}`,
    `Architecture:     ${info.architecture}`,
    `CPUs:             ${info.cpus}`,
    `Memory:           ${(info.memory / 2 ** 30).toFixed(1)} GiB`,
    `Name:             ${info.hostname}`,
    `Control groups:   ${controlGroups(info)}`,
    `Security modules: ${info.securityModules.join(', ') || 'none that can be seen'}`,
    `User:             ${user(info)}`,
    'This machine and user:',
    ...Object.entries(info.capabilities).map(
      ([name, { ok, reason }]) => `  ${name.padEnd(18)}${ok ? 'yes' : `no${reason ? `: ${reason}` : ''}`}`,
    ),
  ].join('\n');
}

function controlGroups({ cgroupLayout, cgroupControllers }: SystemInfo): string {
  return `${cgroupLayout}${cgroupControllers.length > 0 ? ` (${cgroupControllers.join(', ')})` : ', none delegated'}`;
}

function user({ user: { uid, idMap } }: SystemInfo): string {
  if (idMap === null) return 'root';
  const ids = idMap.uids.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`);
  return `${uid}, whose containers have the ids ${ids.join(' ')} (inside:outside:count)`;
}
