import type { ContainerStats } from '../containers/index.ts';
import { formatSize } from './format.ts';

/** Docker's fields of `stats --format`. */
export interface StatsRow {
  readonly ID: string;
  readonly Name: string;
  readonly CPUPerc: string;
  readonly MemUsage: string;
  readonly MemPerc: string;
  readonly NetIO: string;
  readonly BlockIO: string;
  readonly PIDs: string;
}

/** One line: the CPU's share between two readings, all else as it is at the second. Pure. */
export function statsRow(
  id: string,
  name: string,
  before: ContainerStats | null | undefined,
  now: ContainerStats | null,
): StatsRow {
  if (now === null) return { ID: id, Name: name, ...stopped };
  const networks = Object.values(now.networks);
  return {
    ID: id,
    Name: name,
    CPUPerc: percent(cpuShare(before ?? null, now)),
    MemUsage: `${formatBinarySize(now.memory.usage)} / ${formatBinarySize(now.memory.limit)}`,
    MemPerc: percent(now.memory.usage / now.memory.limit),
    NetIO: pair(sum(networks.map(({ rxBytes }) => rxBytes)), sum(networks.map(({ txBytes }) => txBytes))),
    BlockIO: pair(now.blockIo.readBytes, now.blockIo.writeBytes),
    PIDs: String(now.pids.current),
  };
}

const stopped = {
  CPUPerc: '0.00%',
  MemUsage: '0B / 0B',
  MemPerc: '0.00%',
  NetIO: '0B / 0B',
  BlockIO: '0B / 0B',
  PIDs: '0',
};

/** 1 is one CPU for all of the time; 0 when the first reading is of an earlier run. */
function cpuShare(before: ContainerStats | null, now: ContainerStats): number {
  if (before === null || now.cpu.usage < before.cpu.usage) return 0;
  const elapsed = Date.parse(now.readAt) - Date.parse(before.readAt);
  return elapsed > 0 ? (now.cpu.usage - before.cpu.usage) / 1e6 / elapsed : 0;
}

function percent(share: number): string {
  return `${(share * 100).toFixed(2)}%`;
}

function pair(left: number, right: number): string {
  return `${formatSize(left)} / ${formatSize(right)}`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** "12.5MiB": four digits, as docker's memory column. */
function formatBinarySize(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, bytes < 1 ? 0 : Math.floor(Math.log2(bytes) / 10));
  return `${Number((bytes / 1024 ** power).toPrecision(4))}${units[power]}`;
}
