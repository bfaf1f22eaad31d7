import { EngineError } from '../errors/index.ts';
import type { IdMap, TakenRange } from '../id-map/index.ts';
import type { Descriptor, Digest, ImageProcess } from '../oci/index.ts';
import type { DriverOptions } from '../volumes/index.ts';
import type { Owner } from './owner.ts';
import type { ContainerSpec } from './spec.ts';
import type { SpecIdmap } from './spec-idmap.ts';

/** What is kept of a container for as long as it exists: ROOT/containers/ID/record.json. Its state is not in it. */
export interface ContainerRecord {
  readonly version: 1;
  readonly id: string;
  readonly name: string;
  /** RFC 3339 */
  readonly createdAt: string;
  readonly image: RecordedImage;
  readonly spec: ContainerSpec;
  readonly volumes: readonly RecordedVolume[];
  /** Images that are mounted in it. Absent: none. */
  readonly images?: readonly MountedImage[];
  /** Of the user namespace of its own. Absent: it has none, or its engine's. */
  readonly idMap?: IdMap;
  /** What of it no other container has. */
  readonly idRange?: TakenRange;
  /** Set by `run`: the process that made it and will remove it. When that is gone before the start, so is the container. */
  readonly owner?: Owner;
}

/** What a container keeps of its image: enough to start it again when the name has moved on. */
export interface RecordedImage {
  readonly reference: string;
  readonly id: Digest | null;
  /** What a commit builds upon; kept in the store for it. Absent: a directory, or a record of an earlier version. */
  readonly manifest?: Descriptor;
  /** The snapshot below the writable layer; null: nothing, or a directory. */
  readonly chainId: Digest | null;
  /** For `@host` and `@/dir`: the directory below the writable layer. */
  readonly directory: string | null;
  readonly process: ImageProcess;
  readonly platform: string;
}

/** An image whose files a container shows, kept in the store for it. */
export interface MountedImage {
  readonly target: string;
  readonly subpath: string | null;
  readonly image: RecordedImage;
}

export interface RecordedVolume {
  readonly name: string;
  readonly anonymous: boolean;
  readonly target: string;
  readonly readOnly: boolean;
  readonly copy: boolean;
  /** Null, as absent: all of it. */
  readonly subpath?: string | null;
  readonly idmap?: SpecIdmap | null;
  /** For whoever makes it. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly driverOptions?: DriverOptions;
  /** Of another container, and there when this one is made. */
  readonly inherited?: true;
}

/** Reads what a file of ours holds. @throws EngineError ERR_CONTAINER_RECORD_CORRUPT when it is not ours any more. */
export function parseRecord(json: string, path: string): ContainerRecord {
  const record = parseJson(json) as Partial<ContainerRecord> | undefined;
  if (record?.version === 1 && record.id && record.name && record.spec && record.image) {
    return { ...(record as ContainerRecord), spec: { ...laterFields, ...record.spec } };
  }
  throw new EngineError(
    'ERR_CONTAINER_RECORD_CORRUPT',
    `${path} is no container record of this version: \`strake system check --repair\` puts it aside, or use the version that wrote it`,
    { details: { path } },
  );
}

/** For records that were written before there were these. */
const laterFields = {
  restart: { policy: 'no', maximumRetries: 0 },
  health: null,
  volumesFrom: [],
  networks: [],
  ports: [],
  publishAll: false,
  links: [],
  storageSize: null,
  annotations: {},
  exposedPorts: [],
  cgroupParent: 'strake',
  cdiDevices: [],
  apparmor: null,
  label: null,
  writableCgroups: false,
} as const;

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
