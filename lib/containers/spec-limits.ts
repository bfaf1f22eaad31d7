import { absolutePath, byteSize, integer, invalidOption, text } from './option-values.ts';
import type { ResourceLimits } from './options.ts';

/** ResourceLimits, parsed: bytes, microseconds; null means no limit of ours. */
export interface SpecLimits {
  readonly memory: number | null;
  /** Memory and swap together; -1 unlimited. */
  readonly memorySwap: number | null;
  readonly memoryReservation: number | null;
  readonly memorySwappiness: number | null;
  readonly oomKillDisable: boolean;
  readonly cpuShares: number | null;
  readonly cpuQuota: number | null;
  readonly cpuPeriod: number | null;
  readonly cpusetCpus: string;
  readonly cpusetMems: string;
  readonly pids: number | null;
  readonly blkioWeight: number | null;
  readonly cpuRtRuntime: number | null;
  readonly cpuRtPeriod: number | null;
  /** Of single block devices. */
  readonly blkioDevices: readonly SpecBlkioDevice[];
  /** OCI's names: RLIMIT_NOFILE. */
  readonly ulimits: readonly { readonly type: string; readonly soft: number; readonly hard: number }[];
  readonly shmSize: number;
  readonly oomScoreAdj: number | null;
}

/** What a limit of a block device is about, in the words of the runtime-spec's blockIO. */
export type BlkioDeviceLimit =
  | 'weightDevice'
  | 'throttleReadBpsDevice'
  | 'throttleWriteBpsDevice'
  | 'throttleReadIOPSDevice'
  | 'throttleWriteIOPSDevice';

/** A weight, bytes a second or operations a second for one block device. */
export interface SpecBlkioDevice {
  readonly limit: BlkioDeviceLimit;
  readonly path: string;
  readonly rate: number;
}

/** docker's least: the kernel itself needs that much to start a process. */
const leastMemory = 6 * 2 ** 20;
const cpuPeriod = 100_000;

const ulimitNames = new Set(
  'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(
    ' ',
  ),
);

export function parseLimits(limits: ResourceLimits): SpecLimits {
  return {
    ...parseMemory(limits),
    ...parseCpu(limits),
    pids: optional(limits.pids, (value) => (value === 0 ? -1 : integer('limits.pids', value, -1, 2 ** 22))),
    blkioWeight: optional(limits.blkioWeight, (value) => integer('limits.blkioWeight', value, 10, 1000)),
    blkioDevices: parseBlkioDevices(limits),
    cpuRtRuntime: optional(limits.cpuRtRuntime, (value) => integer('limits.cpuRtRuntime', value, 0, 2 ** 40)),
    cpuRtPeriod: optional(limits.cpuRtPeriod, (value) => integer('limits.cpuRtPeriod', value, 0, 2 ** 40)),
    ulimits: Object.entries(limits.ulimits ?? {}).map(parseUlimit),
    shmSize: byteSize('limits.shmSize', limits.shmSize ?? 64 * 2 ** 20),
    oomScoreAdj: optional(limits.oomScoreAdj, (value) => integer('limits.oomScoreAdj', value, -1000, 1000)),
  };
}

/** `limits` with `changes`; what those do not name stays. The same checks hold. @throws EngineError ERR_CONTAINER_OPTION_INVALID */
export function changeLimits(limits: SpecLimits, changes: ResourceLimits): SpecLimits {
  const given = Object.fromEntries(Object.entries(changes).filter(([, value]) => value !== undefined));
  const { ulimits, shmSize, oomScoreAdj, blkioDevices = [] } = limits;
  const quota = 'cpus' in given ? { cpuQuota: null, cpuPeriod: null } : {};
  const changed = parseLimits({ ...asOptions({ ...limits, ...quota }), ...given });
  return { ...changed, ulimits, shmSize, oomScoreAdj, blkioDevices };
}

/** As they would be asked for, but those that only a start sets. */
function asOptions({ ulimits, shmSize, oomScoreAdj, blkioDevices, ...limits }: SpecLimits): ResourceLimits {
  return Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== null));
}

function parseMemory(limits: ResourceLimits) {
  const memory = optional(limits.memory, (value) => byteSize('limits.memory', value)) || null;
  const swap = optional(limits.memorySwap, (value) => byteSize('limits.memorySwap', value, true)) || null;
  if (memory !== null && memory < leastMemory) {
    throw invalidOption('limits.memory', limits.memory, 'a container needs at least 6m');
  }
  if (swap !== null && swap !== -1 && (memory === null || swap < memory)) {
    throw invalidOption(
      'limits.memorySwap',
      limits.memorySwap,
      'it is memory and swap together: not less than limits.memory, which must be set',
    );
  }
  return {
    memory,
    memorySwap: swap ?? (memory === null ? null : memory * 2),
    memoryReservation:
      optional(limits.memoryReservation, (value) => byteSize('limits.memoryReservation', value)) || null,
    memorySwappiness: optional(limits.memorySwappiness, (value) =>
      integer('limits.memorySwappiness', value, 0, 100),
    ),
    oomKillDisable: limits.oomKillDisable === true,
  };
}

function parseCpu(limits: ResourceLimits) {
  const { cpus } = limits;
  if (cpus !== undefined && (limits.cpuQuota !== undefined || limits.cpuPeriod !== undefined)) {
    throw invalidOption('limits.cpus', cpus, 'give either cpus, or cpuQuota and cpuPeriod');
  }
  if (cpus !== undefined && !(cpus >= 0.01 && cpus <= 65_536)) {
    throw invalidOption('limits.cpus', cpus, 'it must be a number of CPUs of at least 0.01, such as 1.5');
  }
  return {
    cpuQuota:
      cpus !== undefined
        ? Math.round(cpus * cpuPeriod)
        : optional(limits.cpuQuota, (value) => integer('limits.cpuQuota', value, -1, 2 ** 40)),
    cpuPeriod:
      cpus !== undefined
        ? cpuPeriod
        : optional(limits.cpuPeriod, (value) => integer('limits.cpuPeriod', value, 1000, 1_000_000)),
    cpuShares: optional(limits.cpuShares, (value) => integer('limits.cpuShares', value, 2, 262_144)),
    cpusetCpus: parseCpuset('limits.cpusetCpus', limits.cpusetCpus),
    cpusetMems: parseCpuset('limits.cpusetMems', limits.cpusetMems),
  };
}

function parseBlkioDevices(limits: ResourceLimits): SpecBlkioDevice[] {
  const weight = (option: string, value: unknown) => integer(option, value, 10, 1000);
  const operations = (option: string, value: unknown) => integer(option, value, 0, Number.MAX_SAFE_INTEGER);
  const kinds = [
    ['blkioWeightDevices', 'weightDevice', weight],
    ['deviceReadBps', 'throttleReadBpsDevice', byteSize],
    ['deviceWriteBps', 'throttleWriteBpsDevice', byteSize],
    ['deviceReadIops', 'throttleReadIOPSDevice', operations],
    ['deviceWriteIops', 'throttleWriteIOPSDevice', operations],
  ] as const;
  return kinds.flatMap(([name, limit, parse]) =>
    Object.entries(limits[name] ?? {}).map(([path, value]) => ({
      limit,
      path: absolutePath(`limits.${name}`, path),
      rate: parse(`limits.${name}`, value),
    })),
  );
}

function parseCpuset(option: string, value: string | undefined): string {
  if (value === undefined || value === '') return '';
  if (/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text(option, value))) return value;
  throw invalidOption(option, value, 'write numbers and ranges: 0-2,4');
}

function parseUlimit([name, value]: [string, number | { soft: number; hard: number }]) {
  const option = `limits.ulimits.${name}`;
  if (!ulimitNames.has(name))
    throw invalidOption('limits.ulimits', name, `known are ${[...ulimitNames].join(', ')}`);
  const { soft, hard } = typeof value === 'number' ? { soft: value, hard: value } : value;
  integer(option, soft, -1, Number.MAX_SAFE_INTEGER);
  integer(option, hard, -1, Number.MAX_SAFE_INTEGER);
  if (hard !== -1 && (soft === -1 || soft > hard))
    throw invalidOption(option, soft, `it is above its hard limit ${hard}`);
  return { type: `RLIMIT_${name.toUpperCase()}`, soft, hard };
}

function optional<T, R>(value: T | undefined, parse: (value: T) => R): R | null {
  return value === undefined ? null : parse(value);
}
