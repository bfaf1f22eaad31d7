import type { Command } from 'commander';
import type { ResourceLimits } from '../containers/index.ts';
import { numberFlag } from './flag-values.ts';

/** The flags of a cgroup's limits, which `run`, `create` and `update` share, as commander gives them. */
export interface LimitFlags {
  blkioWeight?: number;
  cpuPeriod?: number;
  cpuQuota?: number;
  cpuRtPeriod?: number;
  cpuRtRuntime?: number;
  cpus?: number;
  cpuShares?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  memory?: string;
  memoryReservation?: string;
  memorySwap?: string;
  pidsLimit?: number;
}

/** Docker's flags, in docker's words. */
export function addLimitFlags(command: Command): Command {
  return command
    .option('--blkio-weight <weight>', 'block IO, 10 to 1000', numberFlag('--blkio-weight'))
    .option('--cpu-period <microseconds>', 'period of the CPU quota', numberFlag('--cpu-period'))
    .option('--cpu-quota <microseconds>', 'CPU time in each period', numberFlag('--cpu-quota'))
    .option('--cpu-rt-period <microseconds>', 'period of realtime scheduling', numberFlag('--cpu-rt-period'))
    .option('--cpu-rt-runtime <microseconds>', 'realtime in each period', numberFlag('--cpu-rt-runtime'))
    .option('-c, --cpu-shares <shares>', 'CPU weight, relative', numberFlag('--cpu-shares'))
    .option('--cpus <number>', "CPUs' worth of time", numberFlag('--cpus'))
    .option('--cpuset-cpus <list>', 'CPUs it may run on (0-2,4)')
    .option('--cpuset-mems <list>', 'memory nodes it may use')
    .option('-m, --memory <bytes>', 'memory limit')
    .option('--memory-reservation <bytes>', 'soft memory limit')
    .option('--memory-swap <bytes>', 'memory and swap together; -1: unlimited swap')
    .option('--pids-limit <number>', 'processes; -1: unlimited', numberFlag('--pids-limit'));
}

export function limitsOf(flags: LimitFlags): { [K in keyof ResourceLimits]: ResourceLimits[K] | undefined } {
  return {
    memory: flags.memory,
    memorySwap: flags.memorySwap,
    memoryReservation: flags.memoryReservation,
    cpus: flags.cpus,
    cpuShares: flags.cpuShares,
    cpuQuota: flags.cpuQuota,
    cpuPeriod: flags.cpuPeriod,
    cpuRtRuntime: flags.cpuRtRuntime,
    cpuRtPeriod: flags.cpuRtPeriod,
    cpusetCpus: flags.cpusetCpus,
    cpusetMems: flags.cpusetMems,
    pids: flags.pidsLimit,
    blkioWeight: flags.blkioWeight,
  };
}
