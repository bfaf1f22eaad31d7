import type { NetworkInfo, NetworkMember } from '../../network/index.ts';
import { newestVersion } from '../version.ts';

/** How docker calls the driver of a network that leads nowhere. */
const driverNames: Readonly<Record<string, string>> = { none: 'null' };

/** Docker's Network. A list has no containers since 1.28: `containers` says whether they are wanted. */
export function networkDocument(
  info: NetworkInfo,
  {
    minor = newestVersion.minor,
    containers = true,
  }: { readonly minor?: number; readonly containers?: boolean } = {},
) {
  return {
    Name: info.name,
    Id: info.id,
    Created: info.createdAt,
    Scope: 'local',
    Driver: driverNames[info.driver] ?? info.driver,
    ...(minor >= 48 && { EnableIPv4: info.subnets.some(({ subnet }) => !subnet.includes(':')) }),
    EnableIPv6: info.ipv6,
    IPAM: {
      Driver: 'default',
      Options: info.name === 'bridge' || info.subnets.length === 0 ? null : {},
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
    Containers: containers ? memberDocuments(info.containers) : {},
    Options: info.options,
    Labels: info.labels,
  };
}

/** Docker's NetworkContainer, by the containers' ids. */
function memberDocuments(members: Readonly<Record<string, NetworkMember>>) {
  const documents = Object.entries(members).map(([id, member]) => [
    id,
    {
      Name: member.name,
      EndpointID: id,
      MacAddress: member.mac,
      IPv4Address: member.addresses.find((address) => !address.includes(':')) ?? '',
      IPv6Address: member.addresses.find((address) => address.includes(':')) ?? '',
    },
  ]);
  return Object.fromEntries(documents);
}
