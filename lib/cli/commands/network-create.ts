import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { invalidFlag, parseLabelFlag, parsePairFlag } from '../flag-values.ts';
import { collect } from '../image-filters.ts';
import { stdout } from '../output.ts';

interface CreateFlags {
  auxAddress?: string[];
  driver: string;
  gateway?: string[];
  internal?: true;
  ipRange?: string[];
  ipv6?: true;
  label?: string[];
  opt?: string[];
  subnet?: string[];
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--aux-address <name=address>', 'an address that is somebody else’s', collect)
    .option('-d, --driver <driver>', 'bridge or macvlan', 'bridge')
    .option('--gateway <address>', 'of a subnet (its first address)', collect)
    .option('--internal', 'nothing leaves it')
    .option('--ip-range <subnet>', 'the part of a subnet that addresses are taken from', collect)
    .option('--ipv6', 'also IPv6')
    .option('--label <label>', 'key=value', collect)
    .option(
      '-o, --opt <option>',
      'com.docker.network.{driver.mtu,bridge.name,bridge.enable_icc,bridge.enable_ip_masquerade}=VALUE; parent=, macvlan_mode=',
      collect,
    )
    .option('--subnet <subnet>', '172.30.0.0/16, fd00:1::/64; without one it is chosen', collect)
    .argument('<name>')
    .action(async (name: string, flags: CreateFlags) => {
      const { networks } = await cli.engine();
      const pairs = (flag: string, values: string[] = []) =>
        Object.fromEntries(values.map((value) => parsePairFlag(flag, value)));
      const { id } = await networks.create(name, {
        driver: flags.driver,
        subnets: subnets(flags),
        internal: flags.internal === true,
        ipv6: flags.ipv6 === true,
        options: pairs('--opt', flags.opt),
        labels: Object.fromEntries((flags.label ?? []).map(parseLabelFlag)),
      });
      stdout().write(`${id}\n`);
    });
}

/** docker's flags are lists that belong together by family. */
function subnets({ subnet = [], gateway = [], ipRange = [], auxAddress = [] }: CreateFlags) {
  const isV6 = (text: string) => text.includes(':');
  const orphan = [...gateway, ...ipRange].find((text) => !subnet.some((one) => isV6(one) === isV6(text)));
  if (orphan !== undefined) throw invalidFlag('--gateway', orphan, 'give the subnet that it is of: --subnet');
  const auxiliary = auxAddress.map((value) => parsePairFlag('--aux-address', value));
  return subnet.map((text) => {
    const own = (values: readonly string[]) => values.find((value) => isV6(value) === isV6(text));
    const [gatewayOf, rangeOf] = [own(gateway), own(ipRange)];
    return {
      subnet: text,
      ...(gatewayOf !== undefined && { gateway: gatewayOf }),
      ...(rangeOf !== undefined && { ipRange: rangeOf }),
      auxiliary: Object.fromEntries(auxiliary.filter(([, address]) => isV6(address) === isV6(text))),
    };
  });
}
