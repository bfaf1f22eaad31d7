import type { ContainerInfo } from '../containers/index.ts';
import type { NetworkInfo } from '../network/index.ts';

/** docker's document of a network (Engine API, "Network"). */
export function networkDocument(info: NetworkInfo) {
  const containers = Object.entries(info.containers).map(([id, member]) => [
    id,
    {
      Name: member.name,
      EndpointID: id,
      MacAddress: member.mac,
      IPv4Address: ofFamily(member.addresses, 4) ?? '',
      IPv6Address: ofFamily(member.addresses, 6) ?? '',
    },
  ]);
  return {
    Name: info.name,
    Id: info.id,
    Created: info.createdAt,
    Scope: 'local',
    Driver: info.driver === 'none' ? 'null' : info.driver,
    EnableIPv4: info.subnets.some(({ subnet }) => !subnet.includes(':')),
    EnableIPv6: info.ipv6,
    IPAM: {
      Driver: 'default',
      Options: null,
      Config: info.subnets.map(({ subnet, gateway, ipRange, auxiliary }) => ({
        Subnet: subnet,
        ...(ipRange && { IPRange: ipRange }),
        Gateway: gateway,
        ...(Object.keys(auxiliary).length > 0 && { AuxiliaryAddresses: auxiliary }),
      })),
    },
    Internal: info.internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(containers),
    Options: info.options,
    Labels: info.labels,
  };
}

/** What `docker inspect` calls NetworkSettings. Those of the first network are also its own. */
export function networkSettings(info: ContainerInfo) {
  const networks = Object.entries(info.networks).map(
    ([name, connected]) => [name, endpoint(connected)] as const,
  );
  const first = networks[0]?.[1] ?? endpoint(null);
  return {
    Bridge: '',
    SandboxID: '',
    SandboxKey: '',
    Ports: portBindings(info),
    EndpointID: first.EndpointID,
    Gateway: first.Gateway,
    GlobalIPv6Address: first.GlobalIPv6Address,
    GlobalIPv6PrefixLen: first.GlobalIPv6PrefixLen,
    IPAddress: first.IPAddress,
    IPPrefixLen: first.IPPrefixLen,
    IPv6Gateway: first.IPv6Gateway,
    MacAddress: first.MacAddress,
    Networks: networks.length > 0 ? Object.fromEntries(networks) : { [info.network]: endpoint(null) },
  };
}

/** docker's map of ports: null where one is exposed and not published. */
function portBindings({ ports, exposedPorts }: ContainerInfo) {
  const bindings: Record<string, { HostIp: string; HostPort: string }[] | null> = Object.fromEntries(
    exposedPorts.map((port) => [port, null]),
  );
  for (const { hostIp, hostPort, containerPort, protocol } of ports) {
    const key = `${containerPort}/${protocol}`;
    bindings[key] = [...(bindings[key] ?? []), { HostIp: hostIp, HostPort: String(hostPort) }];
  }
  return bindings;
}

function endpoint(connected: ContainerInfo['networks'][string]) {
  const [v4, v6] = [ofFamily(connected?.addresses ?? [], 4), ofFamily(connected?.addresses ?? [], 6)];
  return {
    IPAMConfig: null,
    Links: null,
    Aliases: connected?.aliases ?? null,
    MacAddress: connected?.mac ?? '',
    NetworkID: connected?.id ?? '',
    EndpointID: connected?.id ?? '',
    Gateway: ofFamily(connected?.gateways ?? [], 4) ?? '',
    IPAddress: addressOf(v4),
    IPPrefixLen: prefixOf(v4),
    IPv6Gateway: ofFamily(connected?.gateways ?? [], 6) ?? '',
    GlobalIPv6Address: addressOf(v6),
    GlobalIPv6PrefixLen: prefixOf(v6),
    DNSNames: connected?.aliases ?? null,
  };
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
