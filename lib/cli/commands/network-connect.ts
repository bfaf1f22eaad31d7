import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { collect } from '../image-filters.ts';

interface ConnectFlags {
  alias?: string[];
  ip?: string;
  ip6?: string;
  macAddress?: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--alias <name>', 'a further name on the network', collect)
    .option('--ip <address>', 'IPv4 address')
    .option('--ip6 <address>', 'IPv6 address')
    .option('--mac-address <address>', 'MAC address')
    .argument('<network>')
    .argument('<container>')
    .action(async (network: string, container: string, { alias = [], ip, ip6, macAddress }: ConnectFlags) => {
      const { containers } = await cli.engine();
      await containers.connect(container, {
        name: network,
        aliases: alias,
        ...(ip !== undefined && { ip }),
        ...(ip6 !== undefined && { ip6 }),
        ...(macAddress !== undefined && { mac: macAddress }),
      });
    });
}
