import type { ContainerOptions } from '../containers/index.ts';
import { invalidFlag } from './flag-values.ts';

type NetworkOption = NonNullable<ContainerOptions['networks']>[number];
type PortOption = NonNullable<ContainerOptions['ports']>[number];

/** The flags of a container's network, as commander gives them. */
export interface NetworkFlags {
  ip?: string;
  ip6?: string;
  link?: string[];
  macAddress?: string;
  net?: string[];
  network?: string[];
  networkAlias?: string[];
  publish?: string[];
  publishAll?: true;
}

/** What the flags ask for. `otherwise`: the network where none is given. @throws EngineError ERR_INVALID_ARGUMENT */
export function networkOptions(
  flags: NetworkFlags,
  otherwise: string,
): Pick<ContainerOptions, 'network' | 'networks' | 'ports' | 'publishAll' | 'links'> {
  const words = [...(flags.network ?? []), ...(flags.net ?? [])];
  return {
    ...chosenNetworks(words.length > 0 ? words : [otherwise], flags),
    ...(flags.publish && { ports: flags.publish.map(parsePublishFlag) }),
    ...(flags.publishAll && { publishAll: true }),
    ...(flags.link && { links: flags.link.map(parseLinkFlag) }),
  };
}

function chosenNetworks(
  words: readonly string[],
  flags: NetworkFlags,
): Pick<ContainerOptions, 'network' | 'networks'> {
  const [first = '', ...more] = words;
  const mode = modeOf(first);
  if (mode !== null) {
    if (more.length > 0) throw invalidFlag('--network', first, 'it cannot be combined with other networks');
    const unfit = flags.ip ?? flags.ip6 ?? flags.macAddress ?? flags.networkAlias?.[0];
    if (unfit !== undefined)
      throw invalidFlag('--network', first, 'addresses and aliases are for containers on networks');
    return { network: mode };
  }
  const [own, ...others] = words.map(parseNetworkFlag);
  const { ip, ip6, macAddress, networkAlias = [] } = flags;
  return {
    networks: [
      {
        ...(own as NetworkOption),
        ...(ip !== undefined && { ip }),
        ...(ip6 !== undefined && { ip6 }),
        ...(macAddress !== undefined && { mac: macAddress }),
        aliases: [...(own?.aliases ?? []), ...networkAlias],
      },
      ...others,
    ],
  };
}

function modeOf(word: string): NonNullable<ContainerOptions['network']> | null {
  if (word === 'none' || word === 'host') return word;
  if (word.startsWith('ns:/')) return { path: word.slice('ns:'.length) };
  return word.startsWith('container:') ? word : null;
}

/** `NAME`, `NAME:alias=web,ip=172.30.0.5`, or docker's `name=NAME,alias=web,ip=172.30.0.5`. */
export function parseNetworkFlag(value: string): NetworkOption {
  const [, before = '', after = ''] = /^([^:,=]+)(?::(.*))?$/.exec(value) ?? [];
  const fields = before === '' ? value.split(',') : after.split(',').filter((field) => field !== '');
  const option: { name: string; aliases: string[]; ip?: string; ip6?: string; mac?: string } = {
    name: before,
    aliases: [],
  };
  for (const field of fields) {
    const [key = '', text = ''] = field.split(/=(.*)/s);
    if (key === 'name' && before === '') option.name = text;
    else if (key === 'alias') option.aliases.push(text);
    else if (key === 'ip' || key === 'ip6') option[key] = text;
    else if (key === 'mac' || key === 'mac-address') option.mac = text;
    else throw invalidFlag('--network', value, 'known are name, alias, ip, ip6 and mac-address');
  }
  if (option.name === '') throw invalidFlag('--network', value, 'a name is missing: NAME:alias=web');
  return option;
}

/** `[[ip:][host port]:]container port[/protocol]`, ports also as ranges; an IPv6 address in brackets. */
export function parsePublishFlag(value: string): PortOption {
  const pattern = /^(?:(?:(\[[^\]]*\]|[^:[\]]*):)?([\d-]*):)?([\d-]+)(?:\/([a-z]+))?$/;
  const match = pattern.exec(value);
  if (match === null)
    throw invalidFlag(
      '--publish',
      value,
      'write [ip:][port]:port[/tcp|udp]: 8080:80, 127.0.0.1::80, 53:53/udp',
    );
  const [, ip = '', host = '', container = '', protocol] = match;
  if (protocol !== undefined && protocol !== 'tcp' && protocol !== 'udp')
    throw invalidFlag('--publish', value, 'tcp and udp can be published');
  const hostIp = ip.replace(/^\[(.*)\]$/, '$1');
  return {
    containerPort: container,
    ...(host !== '' && { hostPort: host }),
    ...(hostIp !== '' && { hostIp }),
    ...(protocol && { protocol }),
  };
}

/** `container` or `container:alias`. */
function parseLinkFlag(value: string): { container: string; alias?: string } {
  const [container = '', alias] = value.split(':');
  if (container === '' || alias === '') throw invalidFlag('--link', value, 'write container:alias');
  return { container, ...(alias && { alias }) };
}
