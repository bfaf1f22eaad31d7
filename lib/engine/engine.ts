import type { Containers, UserNamespaceOption } from '../containers/index.ts';
import type { EngineEvent, EventOptions } from '../events/index.ts';
import type { Images } from '../images/index.ts';
import type { ManifestLists } from '../manifests/index.ts';
import type { Networks } from '../network/index.ts';
import type { OnTrace } from '../trace/index.ts';
import type { Volumes } from '../volumes/index.ts';
import type { Registries } from './registries.ts';
import type { System } from './system.ts';

/** Where an engine keeps its files, and what it reads. */
export interface EngineOptions {
  /** Everything below one directory: state, store and (in `run`) run files. Default $STRAKE_ROOT, else /var/lib/strake, or for an ordinary user $XDG_DATA_HOME/strake. */
  root?: string;
  /** Sockets, locks and what a reboot may lose. Default ROOT/run; for root's default root /run/strake. */
  runDir?: string;
  /** Registry configuration instead of /etc/strake/config.json and ~/.config/strake/config.json. */
  config?: string;
  /**
   * What new layers are kept as: their tars with EROFS indexes, directories, or (`auto`) the former where the kernel can
   * mount it. Layers that are there stay what they are. Default $STRAKE_LAYERS, else `auto`.
   */
  layers?: 'auto' | 'erofs' | 'directory';
  /** Where CDI's spec files are, for `devices: ['vendor.com/class=name']`. Default /etc/cdi and /var/run/cdi. */
  cdiDirectories?: readonly string[];
  /**
   * In which user namespace containers are that ask for none (NamespaceOptions.user). Default: the configuration's
   * `userns.default`, else `host`. An ordinary user's engine has one of its own.
   */
  userns?: UserNamespaceOption;
  /**
   * The network namespace that networks are made in (/run/netns/x): bridges, rules and published ports are there, and the
   * machine's own network is left alone. Default $STRAKE_NETNS, else the program's own.
   */
  netns?: string;
  /** The monitor's executable. Default: the package's own. */
  monitor?: string;
  /** With STRAKE_TRACE=1: receives the steps of each start and run when it has ended. Default: printed to stderr. */
  onTrace?: OnTrace;
}

/** Images and containers below one root. Any number of engines, in any number of processes, may share a root. */
export interface Engine extends AsyncDisposable {
  readonly root: string;
  readonly runDir: string;
  readonly images: Images;
  readonly containers: Containers;
  readonly volumes: Volumes;
  readonly networks: Networks;
  readonly system: System;
  readonly registries: Registries;
  readonly manifests: ManifestLists;
  /**
   * What happens below this root, whoever does it, from now on or from a time in the past. ERR_ABORTED,
   * ERR_INVALID_ARGUMENT.
   */
  events(options?: EventOptions): AsyncIterable<EngineEvent>;
  /** `containers.run`: a command in a new container, its output captured, nothing left. */
  readonly run: Containers['run'];
  /** `containers.pool`: warm starts. */
  readonly pool: Containers['pool'];
}
