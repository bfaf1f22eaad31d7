import { readFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { cgroupStats } from '../../bindings/cgroup.ts';
import { cgroupOf } from './bundle.ts';
import type { Cancellable } from './container.ts';
import type { ContainersContext } from './context.ts';
import { throwIfAborted } from './create.ts';
import { observe } from './observe.ts';
import { integer } from './option-values.ts';
import type { ContainerRecord } from './record.ts';

/** What a container has used up to `readAt`. Counters begin with its start; bytes and nanoseconds. */
export interface ContainerStats {
  readonly id: string;
  readonly name: string;
  /** RFC 3339 */
  readonly readAt: string;
  /** Of CPU time; two readings make a percentage. */
  readonly cpu: {
    readonly usage: number;
    readonly user: number;
    readonly system: number;
    readonly periods: number;
    readonly throttledPeriods: number;
    readonly throttledTime: number;
  };
  readonly memory: {
    /** Without page cache that can go. */
    readonly usage: number;
    readonly cache: number;
    /** Its own or, without one, what this machine has. */
    readonly limit: number;
    readonly peak: number;
    readonly swap: number;
    readonly oomKills: number;
  };
  readonly pids: { readonly current: number /** null: none */; readonly limit: number | null };
  readonly blockIo: {
    readonly readBytes: number;
    readonly writeBytes: number;
    readonly readOperations: number;
    readonly writeOperations: number;
  };
  /** Of each interface but the loopback, as the container sees it; empty on the host's network. */
  readonly networks: Readonly<Record<string, NetworkStats>>;
}

/** Since the interface was made. */
export interface NetworkStats {
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** How often to read. */
export interface StatsOptions extends Cancellable {
  /** Milliseconds between readings. Default 1000. */
  interval?: number;
}

/** Readings until the container stops; none of one that does not run. The first comes at once. */
export async function* readStats(
  context: ContainersContext,
  record: ContainerRecord,
  options: StatsOptions = {},
): AsyncIterable<ContainerStats> {
  const interval = integer('interval', options.interval ?? 1000, 10, 2 ** 31 - 1);
  for (;;) {
    throwIfAborted(options.signal);
    const state = await observe(context, record);
    if (state?.status !== 'running' && state?.status !== 'paused') return;
    yield await readOnce(record, state.pid);
    await sleep(interval, undefined, { signal: options.signal }).catch(() => undefined);
  }
}

async function readOnce(record: ContainerRecord, pid: number): Promise<ContainerStats> {
  const { id, name, spec } = record;
  const stats = await cgroupStats(cgroupOf(record));
  const { memoryLimit: limit, pidsLimit } = stats;
  return {
    id,
    name,
    readAt: new Date().toISOString(),
    cpu: {
      usage: stats.cpuUsage,
      user: stats.cpuUser,
      system: stats.cpuSystem,
      periods: stats.periods,
      throttledPeriods: stats.throttledPeriods,
      throttledTime: stats.throttledTime,
    },
    memory: {
      usage: Math.max(0, stats.memoryUsage - stats.memoryCache),
      cache: stats.memoryCache,
      limit: limit === 0 ? totalmem() : Math.min(limit, totalmem()),
      peak: stats.memoryPeak,
      swap: stats.swapUsage,
      oomKills: stats.oomKills,
    },
    pids: { current: stats.pids, limit: pidsLimit === 0 ? null : pidsLimit },
    blockIo: {
      readBytes: stats.readBytes,
      writeBytes: stats.writeBytes,
      readOperations: stats.readOperations,
      writeOperations: stats.writeOperations,
    },
    networks: spec.network === 'host' ? {} : await interfacesOf(pid),
  };
}

/** proc_pid_net(5): two lines of head, then `name:` and sixteen numbers. A process that has just ended has none. */
async function interfacesOf(pid: number): Promise<Record<string, NetworkStats>> {
  const table = await readFile(`/proc/${pid}/net/dev`, 'utf8').catch(() => '');
  const lines = table.split('\n').slice(2);
  const entries = lines.flatMap((line) => {
    const [name = '', numbers = ''] = line.split(':');
    return numbers === '' || name.trim() === 'lo' ? [] : [[name.trim(), parseCounters(numbers)] as const];
  });
  return Object.fromEntries(entries);
}

function parseCounters(numbers: string): NetworkStats {
  const at = numbers.trim().split(/\s+/).map(Number);
  const [rxBytes = 0, rxPackets = 0, rxErrors = 0, rxDropped = 0] = at;
  const [txBytes = 0, txPackets = 0, txErrors = 0, txDropped = 0] = at.slice(8);
  return { rxBytes, rxPackets, rxErrors, rxDropped, txBytes, txPackets, txErrors, txDropped };
}
