import type { EventJournal } from '../events/index.ts';
import type { IdRanges, Ids } from '../id-map/index.ts';
import type { Images } from '../images/index.ts';
import type { Connections } from '../network/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import type { OnTrace } from '../trace/index.ts';
import type { VolumeStore } from '../volumes/index.ts';
import type { HostFacts } from './runtime-config.ts';
import type { SpecUserNamespace } from './spec-user-namespace.ts';
import type { ContainerStore } from './store.ts';

/** What is configured of user namespaces. */
export interface UserNamespaceDefaults {
  /** For containers that ask for none. */
  byDefault(): Promise<SpecUserNamespace>;
  /** Whose subordinate ids `remap` (a user, or user:group) and `auto` take. */
  users(): Promise<{ readonly remapUser: string; readonly autoUser: string }>;
}

/** What the verbs of this room need from the others; the engine wires it. */
export interface ContainersContext {
  readonly root: string;
  readonly runDir: string;
  /** The monitor's executable. */
  readonly monitor: string;
  /** The init for `init: true`; null where the package has none. */
  readonly init: string | null;
  readonly store: ContainerStore;
  readonly volumes: VolumeStore;
  readonly networks: Connections;
  readonly images: Pick<Images, 'inspect' | 'pull' | 'addLayer'>;
  readonly snapshots: Pick<Snapshotter, 'prepare' | 'mount' | 'view' | 'discard' | 'removalsDecided'>;
  readonly host: HostFacts;
  /** Whose ids its containers have, unless they have a user namespace of their own. */
  readonly ids: Ids;
  /** Which ids of the machine containers have for themselves. */
  readonly idRanges: IdRanges;
  readonly userNamespaces: UserNamespaceDefaults;
  readonly events: Pick<EventJournal, 'directory' | 'emit' | 'read'>;
  /** Where CDI's spec files are. */
  readonly cdiDirectories: readonly string[];
  /** Receives the step trace of each start. Default: stderr. */
  readonly onTrace: OnTrace | undefined;
}
