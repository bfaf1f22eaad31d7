import { EngineError } from '../errors/index.ts';
import {
  contains,
  formatIp,
  formatSubnet,
  type Ip,
  parseIp,
  parseSubnet,
  type Subnet,
  subnetOf,
} from './ip.ts';
import { type NetworkRecord, type NetworkSubnet, optionNames } from './network-record.ts';
import type { CreateNetworkOptions, SubnetOption } from './networks.ts';
import { firstAddress } from './pools.ts';

/** Networks that are there without having been made, and `container`, which is no name of one. */
export const reservedNames: ReadonlySet<string> = new Set(['bridge', 'host', 'none', 'default', 'container']);

export type ParsedNetwork = Pick<
  NetworkRecord,
  'driver' | 'internal' | 'ipv6' | 'subnets' | 'options' | 'labels'
>;

/** @throws EngineError ERR_NETWORK_NAME_INVALID */
export function parseNetworkName(name: unknown): string {
  if (typeof name === 'string' && /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name) && !reservedNames.has(name))
    return name;
  throw new EngineError(
    'ERR_NETWORK_NAME_INVALID',
    `invalid network name ${JSON.stringify(String(name).slice(0, 130))}: use 1 to 128 of a-z A-Z 0-9 _ . -, begin with a letter ` +
      `or digit, and none of ${[...reservedNames].join(', ')}`,
  );
}

/** Pure: whether the host has room for it is asked later. @throws EngineError ERR_NETWORK_OPTION_INVALID */
export function parseNetworkOptions(options: CreateNetworkOptions): ParsedNetwork {
  const driver = options.driver ?? 'bridge';
  if (driver !== 'bridge' && driver !== 'macvlan')
    throw invalid('driver', driver, 'there are bridge and macvlan; host and none are always there');
  const subnets = (options.subnets ?? []).map(parseSubnetOption);
  const families = subnets.map(({ subnet }) => parseSubnet(subnet)?.family);
  if (new Set(families).size < families.length)
    throw invalid(
      'subnets',
      options.subnets?.at(-1)?.subnet,
      'a network has one subnet of each family at most',
    );
  return {
    driver,
    internal: options.internal === true,
    ipv6: options.ipv6 === true || families.includes(6),
    subnets,
    options: parseDriverOptions(driver, texts('options', options.options ?? {})),
    labels: texts('labels', options.labels ?? {}),
  };
}

function parseSubnetOption(option: SubnetOption): NetworkSubnet {
  const subnet = parseSubnet(option.subnet);
  if (subnet === null || subnet.prefix < 4)
    throw invalid('subnet', option.subnet, 'write an address and a prefix: 172.30.0.0/16 or fd00:1::/64');
  if (subnet.prefix > (subnet.family === 4 ? 30 : 126))
    throw invalid('subnet', option.subnet, 'there is no room for a gateway and a container');
  const gateway =
    option.gateway === undefined ? firstAddress(subnet) : inside('gateway', option.gateway, subnet);
  const auxiliary = Object.entries(texts('auxiliary', option.auxiliary ?? {})).map(
    ([name, address]) => [name, inside('auxiliary', address, subnet)] as const,
  );
  return {
    subnet: formatSubnet(subnet),
    gateway,
    ipRange: option.ipRange === undefined ? null : parseRange(option.ipRange, subnet),
    auxiliary: Object.fromEntries(auxiliary),
  };
}

function parseRange(text: string, subnet: Subnet): string {
  const range = parseSubnet(text);
  if (
    range === null ||
    range.prefix < subnet.prefix ||
    !contains(subnet, { family: range.family, value: range.first })
  )
    throw invalid('ipRange', text, `it must lie in ${formatSubnet(subnet)}`);
  return formatSubnet(range);
}

/** docker lets a gateway have a prefix, which is the subnet's. */
function inside(option: string, text: string, subnet: Subnet): string {
  const ip: Ip | null = parseIp(text.replace(/\/\d+$/, ''));
  if (ip === null || subnetOf(ip, subnet.prefix).first !== subnet.first || ip.family !== subnet.family)
    throw invalid(option, text, `it must be an address of ${formatSubnet(subnet)}`);
  return formatIp(ip);
}

const truths: ReadonlySet<string> = new Set(['true', 'false', '1', '0']);
const modes: ReadonlySet<string> = new Set(['bridge', 'private', 'vepa', 'passthru']);

function parseDriverOptions(
  driver: 'bridge' | 'macvlan',
  options: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const { bridge, mtu, interContainer, masquerade, parent, mode } = optionNames;
  const checks: Record<string, (value: string) => boolean> = {
    [mtu]: (value) => /^\d+$/.test(value) && Number(value) >= 68 && Number(value) <= 65535,
    ...(driver === 'bridge'
      ? {
          [bridge]: isInterfaceName,
          [interContainer]: (value: string) => truths.has(value),
          [masquerade]: (value: string) => truths.has(value),
        }
      : { [parent]: isInterfaceName, [mode]: (value: string) => modes.has(value) }),
  };
  for (const [name, value] of Object.entries(options)) {
    const check = Object.hasOwn(checks, name) ? checks[name] : undefined;
    if (check === undefined)
      throw invalid('options', name, `the options of ${driver} are ${Object.keys(checks).join(', ')}`);
    if (!check(value)) throw invalid(`options.${name}`, value, 'it cannot have this value');
  }
  if (driver === 'macvlan' && options[parent] === undefined)
    throw invalid('options', 'parent', 'macvlan needs the interface that it is on: -o parent=eth0');
  return options;
}

function isInterfaceName(value: string): boolean {
  return /^[a-zA-Z0-9_.-]{1,15}$/.test(value) && value !== '.' && value !== '..';
}

function texts(option: string, values: unknown): Readonly<Record<string, string>> {
  if (typeof values !== 'object' || values === null || Array.isArray(values))
    throw invalid(option, values, 'it must be a record of texts');
  for (const [key, value] of Object.entries(values))
    if (key === '' || typeof value !== 'string') throw invalid(option, key, 'every key has a text');
  return { ...(values as Record<string, string>) };
}

function invalid(option: string, value: unknown, remedy: string): EngineError {
  const shown = JSON.stringify(value === undefined ? null : String(value).slice(0, 100));
  return new EngineError('ERR_NETWORK_OPTION_INVALID', `invalid ${option} ${shown} of a network: ${remedy}`, {
    details: { option },
  });
}
