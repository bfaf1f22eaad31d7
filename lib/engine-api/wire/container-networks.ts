import type { ContainerInfo } from '../../containers/index.ts';

type Requested = ContainerInfo['spec']['networks'][number];

/** docker's NetworkSettings. Those of the first network are also its own, of old. */
export function networkSettings(info: ContainerInfo) {
  const networks = networksOf(info);
  const first = Object.values(networks)[0] ?? endpoint(info, undefined);
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: '',
    HairpinMode: false,
    LinkLocalIPv6Address: '',
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    Ports: isUp(info) ? portMap(info) : {},
    EndpointID: first.EndpointID,
    Gateway: first.Gateway,
    GlobalIPv6Address: first.GlobalIPv6Address,
    GlobalIPv6PrefixLen: first.GlobalIPv6PrefixLen,
    IPAddress: first.IPAddress,
    IPPrefixLen: first.IPPrefixLen,
    IPv6Gateway: first.IPv6Gateway,
    MacAddress: first.MacAddress,
    Networks: networks,
  };
}

/** By name. One without networks of its own has its mode as a name, as docker has it. */
export function networksOf(info: ContainerInfo): Record<string, ReturnType<typeof endpoint>> {
  const names = Object.keys(info.networks);
  if (names.length === 0 && !info.network.startsWith('container:'))
    return { [info.network]: endpoint(info, undefined) };
  return Object.fromEntries(names.map((name) => [name, endpoint(info, name)]));
}

/** docker's list of ports in a listing: what is published, and what is only exposed. */
export function portList(info: ContainerInfo) {
  if (!isUp(info)) return [];
  const known = new Set(info.ports.map(({ containerPort, protocol }) => `${containerPort}/${protocol}`));
  const exposed = info.exposedPorts.filter((port) => !known.has(port)).map((port) => port.split('/'));
  return [
    ...info.ports.map(({ hostIp, hostPort, containerPort, protocol }) => ({
      IP: hostIp,
      PrivatePort: containerPort,
      PublicPort: hostPort,
      Type: protocol,
    })),
    ...exposed.map(([port, protocol = 'tcp']) => ({ PrivatePort: Number(port), Type: protocol })),
  ];
}

/** docker's map of ports: null where one is exposed and not published. */
function portMap({ ports, exposedPorts }: ContainerInfo) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[] | null> = Object.fromEntries(
    exposedPorts.map((port) => [port, null]),
  );
  for (const { hostIp, hostPort, containerPort, protocol } of ports) {
    const key = `${containerPort}/${protocol}`;
    bindings[key] = [...(bindings[key] ?? []), { HostIp: hostIp, HostPort: String(hostPort) }];
  }
  return bindings;
}

function endpoint(info: ContainerInfo, name: string | undefined) {
  const connected = name === undefined ? null : (info.networks[name] ?? null);
  const index = name === undefined ? -1 : Object.keys(info.networks).indexOf(name);
  const requested = info.spec.networks[index];
  const { addresses = [], gateways = [] } = connected ?? {};
  const [v4, v6] = [ofFamily(addresses, 4), ofFamily(addresses, 6)];
  const isDefault = name === 'bridge' || name === undefined;
  const aliases = requested?.aliases ?? [];
  return {
    IPAMConfig: ipamConfig(requested),
    Links: null,
    Aliases: isDefault ? null : [...aliases, info.id.slice(0, 12)],
    DriverOpts: null,
    GwPriority: 0,
    MacAddress: connected?.mac ?? requested?.mac ?? '',
    NetworkID: connected?.id ?? '',
    EndpointID: connected ? info.id : '',
    Gateway: ofFamily(gateways, 4) ?? '',
    IPAddress: addressOf(v4),
    IPPrefixLen: prefixOf(v4),
    IPv6Gateway: ofFamily(gateways, 6) ?? '',
    GlobalIPv6Address: addressOf(v6),
    GlobalIPv6PrefixLen: prefixOf(v6),
    DNSNames: isDefault ? null : [...new Set([info.name, ...aliases, info.id.slice(0, 12), info.hostname])],
  };
}

function ipamConfig(requested: Requested | undefined) {
  if (!requested?.ip && !requested?.ip6) return null;
  return {
    ...(requested.ip && { IPv4Address: requested.ip }),
    ...(requested.ip6 && { IPv6Address: requested.ip6 }),
  };
}

function isUp({ state }: ContainerInfo): boolean {
  return state.status === 'running' || state.status === 'paused';
}

function ofFamily(addresses: readonly string[], family: 4 | 6): string | undefined {
  return addresses.find((address) => address.includes(':') === (family === 6));
}

function addressOf(text: string | undefined): string {
  return text?.replace(/\/.*/, '') ?? '';
}

function prefixOf(text: string | undefined): number {
  return Number(text?.replace(/.*\//, '') ?? 0);
}
