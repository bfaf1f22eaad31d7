/** What the configuration file says, files merged and defaults filled in. Shape and defaults: docs/configuration.md. */
export interface Config {
  /** By prefix of a repository's full name: `docker.io`, `docker.io/library`, `host:5000`. */
  readonly registries: Readonly<Record<string, RegistryConfig>>;
  readonly proxies: ProxyConfig;
  readonly downloads: DownloadConfig;
  readonly limits: LimitConfig;
  readonly storage: StorageConfig;
  readonly userns: UserNamespaceConfig;
  readonly terminal: TerminalConfig;
}

/** How the registry behind a prefix is reached. */
export interface RegistryConfig {
  /** Base URLs asked first, in order; the registry itself comes last. */
  readonly mirrors?: readonly string[];
  /** Plain http, no TLS at all. */
  readonly insecure?: boolean;
  readonly tls?: TlsConfig;
}

/** Absolute paths of PEM files, and whether certificates are checked. */
export interface TlsConfig {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly skipVerify?: boolean;
}

/** Proxies by URL; each one given here takes the place of its environment variable. */
export interface ProxyConfig {
  readonly http?: string;
  readonly https?: string;
  /** Hosts reached directly, written as in NO_PROXY: `example.com`, `.example.com`, `10.0.0.0/8`, `*`. */
  readonly no?: readonly string[];
}

/** How layers are fetched. */
export interface DownloadConfig {
  /** Layers fetched at once, 1 to 64. */
  readonly concurrency: number;
  /** Attempts for one request before its error is final, 1 to 20. */
  readonly attempts: number;
  /** Seconds without a byte before a connection counts as cut. */
  readonly idleTimeout: number;
}

/** What an image may ask for before it is refused. */
export interface LimitConfig {
  /** Bytes of one layer, unpacked. */
  readonly layerSize: number;
  /** Files, directories and links in one layer. */
  readonly layerEntries: number;
}

/** In which user namespace root's containers are that ask for none, and whose subordinate ids there are. */
export interface UserNamespaceConfig {
  readonly default: 'host' | 'auto' | 'remap';
  /** Of `remap`: `user` or `user:group` in /etc/subuid and /etc/subgid. */
  readonly remapUser: string;
  /** Of `auto`. */
  readonly autoUser: string;
}

/** What is typed at a terminal that is a container's. */
export interface TerminalConfig {
  /** As docker's: letters and `ctrl-<letter>`, separated by commas. */
  readonly detachKeys: string;
}

/** What stays on disk of a pulled image beside what it is run from. */
export interface StorageConfig {
  /**
   * Whether a layer's compressed blob is kept, so that the image can be pushed and saved as it came. `auto`: when the
   * snapshotter keeps no tars, from which it could be made again.
   */
  readonly keepCompressed: boolean | 'auto';
}

export const defaultConfig: Config = {
  registries: {},
  proxies: {},
  downloads: { concurrency: 4, attempts: 5, idleTimeout: 30 },
  limits: { layerSize: 64 * 1024 ** 3, layerEntries: 5_000_000 },
  storage: { keepCompressed: 'auto' },
  userns: { default: 'host', remapUser: 'dockremap', autoUser: 'containers' },
  terminal: { detachKeys: 'ctrl-p,ctrl-q' },
};
