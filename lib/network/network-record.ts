import { EngineError } from '../errors/index.ts';

/** What is kept of a network for as long as it exists: ROOT/networks/ID/record.json. */
export interface NetworkRecord {
  readonly version: 1;
  readonly id: string;
  readonly name: string;
  /** RFC 3339 */
  readonly createdAt: string;
  readonly driver: 'bridge' | 'macvlan';
  readonly internal: boolean;
  readonly ipv6: boolean;
  /** At most one of each family. */
  readonly subnets: readonly NetworkSubnet[];
  /** docker's names: `com.docker.network.driver.mtu`, `parent` … */
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
}

/** The addresses of one family that a network has. */
export interface NetworkSubnet {
  /** "172.17.0.0/16" */
  readonly subnet: string;
  readonly gateway: string;
  /** Where addresses are taken from; null: the whole subnet. */
  readonly ipRange: string | null;
  /** Addresses that are somebody else's, by name. */
  readonly auxiliary: Readonly<Record<string, string>>;
}

/** @throws EngineError ERR_SYSTEM when it is no record of this version. */
export function parseNetworkRecord(json: string, path: string): NetworkRecord {
  const record = parseJson(json);
  if (record?.version === 1 && record.id && record.name && record.subnets) return record as NetworkRecord;
  throw new EngineError(
    'ERR_SYSTEM',
    `${path} is no network record of this version: remove its directory, or use the version that wrote it`,
    { details: { path } },
  );
}

/** docker's names of what a driver can be told. */
export const optionNames = {
  bridge: 'com.docker.network.bridge.name',
  mtu: 'com.docker.network.driver.mtu',
  interContainer: 'com.docker.network.bridge.enable_icc',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  parent: 'parent',
  mode: 'macvlan_mode',
} as const;

/** The bridge's interface: at most 15 bytes. */
export function bridgeName({ id, name, options }: Pick<NetworkRecord, 'id' | 'name' | 'options'>): string {
  return options[optionNames.bridge] ?? (name === 'bridge' ? 'strake0' : `sb-${id.slice(0, 12)}`);
}

function parseJson(json: string): Partial<NetworkRecord> | undefined {
  try {
    return JSON.parse(json) ?? undefined;
  } catch {
    return undefined;
  }
}
