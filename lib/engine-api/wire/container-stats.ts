import { readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import type { ContainerStats, NetworkStats } from '../../containers/index.ts';
import { zeroTime } from './times.ts';

type CpuStats = ReturnType<typeof cpuStats>;

/** Readings as docker's documents: each has the one before it, since CPU time makes sense only as a difference. */
export class StatsReadings {
  #before: { readonly read: string; readonly cpu: CpuStats } | undefined;

  add(stats: ContainerStats) {
    const cpu = cpuStats(stats);
    const before = this.#before;
    this.#before = { read: stats.readAt, cpu };
    return {
      ...identity(stats),
      read: stats.readAt,
      preread: before?.read ?? zeroTime,
      pids_stats: {
        current: stats.pids.current,
        ...(stats.pids.limit !== null && { limit: stats.pids.limit }),
      },
      blkio_stats: blockStats(stats),
      num_procs: 0,
      storage_stats: {},
      cpu_stats: cpu,
      precpu_stats: before?.cpu ?? noCpu,
      memory_stats: memoryStats(stats),
      networks: Object.fromEntries(
        Object.entries(stats.networks).map(([name, counters]) => [name, networkStats(counters)]),
      ),
    };
  }
}

/** Of one that does not run. */
export function emptyStats(container: { readonly id: string; readonly name: string }) {
  return {
    ...identity(container),
    read: zeroTime,
    preread: zeroTime,
    pids_stats: {},
    blkio_stats: {},
    num_procs: 0,
    storage_stats: {},
    cpu_stats: noCpu,
    precpu_stats: noCpu,
    memory_stats: {},
  };
}

function identity({ id, name }: { readonly id: string; readonly name: string }) {
  return { name: `/${name}`, id };
}

const noThrottling = { periods: 0, throttled_periods: 0, throttled_time: 0 };
const noCpu = {
  cpu_usage: { total_usage: 0, usage_in_kernelmode: 0, usage_in_usermode: 0 },
  throttling_data: noThrottling,
};

function cpuStats({ cpu }: ContainerStats) {
  return {
    cpu_usage: {
      total_usage: cpu.usage,
      usage_in_kernelmode: cpu.system,
      usage_in_usermode: cpu.user,
    },
    system_cpu_usage: systemCpuTime(),
    online_cpus: cpus().length,
    throttling_data: {
      periods: cpu.periods,
      throttled_periods: cpu.throttledPeriods,
      throttled_time: cpu.throttledTime,
    },
  };
}

/** Nanoseconds of all processors, by the first seven numbers of proc_stat(5), hundredths of a second. */
function systemCpuTime(): number {
  const line = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '';
  const ticks = line.split(' ').slice(0, 7).map(Number);
  return ticks.reduce((sum, tick) => sum + tick, 0) * 1e7;
}

/** Clients subtract the page cache that can go, by cgroup v2's word or v1's: both are there. */
function memoryStats({ memory }: ContainerStats) {
  const { usage, cache, limit, peak, swap, oomKills } = memory;
  return {
    usage: usage + cache,
    max_usage: peak,
    limit,
    failcnt: oomKills,
    stats: { cache, inactive_file: cache, total_inactive_file: cache, swap },
  };
}

function blockStats({ blockIo }: ContainerStats) {
  const entries = (read: number, write: number) => [
    { major: 0, minor: 0, op: 'read', value: read },
    { major: 0, minor: 0, op: 'write', value: write },
  ];
  return {
    io_service_bytes_recursive: entries(blockIo.readBytes, blockIo.writeBytes),
    io_serviced_recursive: entries(blockIo.readOperations, blockIo.writeOperations),
    io_queue_recursive: [],
    io_service_time_recursive: [],
    io_wait_time_recursive: [],
    io_merged_recursive: [],
    io_time_recursive: [],
    sectors_recursive: [],
  };
}

function networkStats(counters: NetworkStats) {
  return {
    rx_bytes: counters.rxBytes,
    rx_packets: counters.rxPackets,
    rx_errors: counters.rxErrors,
    rx_dropped: counters.rxDropped,
    tx_bytes: counters.txBytes,
    tx_packets: counters.txPackets,
    tx_errors: counters.txErrors,
    tx_dropped: counters.txDropped,
  };
}
