/** A network now. */
export interface NetworkInfo {
  readonly id: string;
  readonly name: string;
  readonly createdAt: string;
  readonly driver: 'bridge' | 'macvlan' | 'host' | 'none';
  readonly internal: boolean;
  readonly ipv6: boolean;
  readonly subnets: readonly {
    readonly subnet: string;
    readonly gateway: string;
    readonly ipRange: string | null;
    readonly auxiliary: Readonly<Record<string, string>>;
  }[];
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** The containers that are connected now, by their ids. */
  readonly containers: Readonly<Record<string, NetworkMember>>;
}

/** A running container's end of a network. */
export interface NetworkMember {
  readonly name: string;
  readonly interface: string;
  readonly mac: string;
  /** "172.17.0.2/16", of each family one. */
  readonly addresses: readonly string[];
  readonly names: readonly string[];
  readonly ports: readonly PublishedPort[];
}

/** A port of this host that leads to a container. */
export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp';
  /** "0.0.0.0" and "::" are all addresses of the host. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

/** What a network is made of. Docker's defaults; strings are parsed before any effect. */
export interface CreateNetworkOptions {
  /** Default `bridge`. */
  driver?: string;
  /** At most one of each family. Without any, one is taken from the pool that nothing of this host has. */
  subnets?: readonly SubnetOption[];
  /** Nothing leaves it, nor comes in. */
  internal?: boolean;
  /** Also IPv6: with a subnet of its own (fd00::/8), unless one is given. */
  ipv6?: boolean;
  options?: Readonly<Record<string, string>>;
  labels?: Readonly<Record<string, string>>;
}

export interface SubnetOption {
  subnet: string;
  /** Default: its first address. */
  gateway?: string;
  ipRange?: string;
  auxiliary?: Readonly<Record<string, string>>;
}

export interface NetworkFilters {
  id?: readonly string[];
  /** A part of the name. */
  name?: readonly string[];
  driver?: readonly string[];
  /** `key` or `key=value`; all of them. */
  label?: readonly string[];
  /** Whether no container has it. */
  dangling?: boolean;
}

/** Networks of containers. A `network` is found by its name, id, or unique beginning of its id. */
export interface Networks {
  /**
   * ERR_NETWORK_EXISTS, ERR_NETWORK_NAME_INVALID, ERR_NETWORK_OPTION_INVALID, ERR_SUBNET_OVERLAP, ERR_ADDRESSES_EXHAUSTED,
   * ERR_NETWORK_INTERFACE_TAKEN, ERR_NFTABLES_MISSING, ERR_IPV6_OFF.
   */
  create(name: string, options?: CreateNetworkOptions): Promise<NetworkInfo>;
  /** By name; with `host` and `none`, which always are. */
  list(options?: { filters?: NetworkFilters }): Promise<NetworkInfo[]>;
  /** ERR_NETWORK_NOT_FOUND. */
  inspect(network: string): Promise<NetworkInfo>;
  /** ERR_NETWORK_NOT_FOUND, ERR_NETWORK_IN_USE. */
  remove(network: string): Promise<void>;
  /** Removes those that no container is connected with, nor would be at its next start. Answers their names. */
  prune(options?: { filters?: Pick<NetworkFilters, 'label'> }): Promise<string[]>;
  /** Makes anew what others have removed of the kernel's: bridges, rules, published ports. */
  reload(): Promise<void>;
}
