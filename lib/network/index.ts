/**
 * Networks of containers: what is kept of them (records, addresses), what they may be made of, and their verbs. Who is on
 * them is asked of whoever knows containers, and recorded by the monitors, which do all that concerns one container; what
 * concerns the kernel is native/net. This room knows no container but by its id.
 */
export type { Endpoint, EndpointDescription, EndpointRequest, Joining } from './endpoints.ts';
export { parseIp, parseSubnet } from './ip.ts';
export type { NetworkRecord } from './network-record.ts';
export { NetworkStore } from './network-store.ts';
export type {
  CreateNetworkOptions,
  NetworkFilters,
  NetworkInfo,
  NetworkMember,
  Networks,
  PublishedPort,
  SubnetOption,
} from './networks.ts';
export { type Connections, defaultNetwork, type NetworksContext, openNetworks } from './open-networks.ts';
export {
  installedUserProgram,
  prepareUserNetwork,
  userAddress,
  userNameServer,
  userProgram,
  userRecords,
} from './user-network.ts';
