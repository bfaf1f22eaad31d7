import type { ResourceLimits } from '../../containers/index.ts';
import type { Fields } from '../json-fields.ts';
import { defined } from './defined.ts';

type Limits = { -readonly [K in keyof ResourceLimits]: ResourceLimits[K] };

/** docker's Resources: of a HostConfig, and of an update, where 0 leaves what there is as it is. @throws Refusal 400 */
export function limitOptions(fields: Fields): ResourceLimits {
  const some = (name: string) => fields.integer(name) || undefined;
  const swappiness = fields.integer('MemorySwappiness');
  const pids = fields.integer('PidsLimit');
  return defined({
    memory: some('Memory'),
    memorySwap: some('MemorySwap'),
    memoryReservation: some('MemoryReservation'),
    memorySwappiness: swappiness === undefined || swappiness < 0 ? undefined : swappiness,
    oomKillDisable: fields.flag('OomKillDisable') || undefined,
    cpus: cpusOf(fields),
    cpuShares: some('CpuShares'),
    cpuQuota: some('CpuQuota'),
    cpuPeriod: some('CpuPeriod'),
    cpuRtPeriod: some('CpuRealtimePeriod'),
    cpuRtRuntime: some('CpuRealtimeRuntime'),
    cpusetCpus: fields.text('CpusetCpus') || undefined,
    cpusetMems: fields.text('CpusetMems') || undefined,
    pids: pids === undefined || pids === 0 ? undefined : Math.max(-1, pids),
    blkioWeight: some('BlkioWeight'),
    ...deviceLimits(fields),
    ulimits: ulimits(fields),
    shmSize: some('ShmSize'),
    oomScoreAdj: some('OomScoreAdj'),
  }) as Limits;
}

function cpusOf(fields: Fields): number | undefined {
  const nano = fields.integer('NanoCpus');
  return nano ? nano / 1e9 : undefined;
}

function deviceLimits(
  fields: Fields,
): Partial<Record<keyof ResourceLimits, Record<string, number> | undefined>> {
  const rates = (name: string, rate: string) => {
    const entries = (fields.objects(name) ?? []).map((device) => [
      device.text('Path') ?? '',
      device.integer(rate) ?? 0,
    ]);
    return entries.length > 0 ? (Object.fromEntries(entries) as Record<string, number>) : undefined;
  };
  return {
    blkioWeightDevices: rates('BlkioWeightDevice', 'Weight'),
    deviceReadBps: rates('BlkioDeviceReadBps', 'Rate'),
    deviceWriteBps: rates('BlkioDeviceWriteBps', 'Rate'),
    deviceReadIops: rates('BlkioDeviceReadIOps', 'Rate'),
    deviceWriteIops: rates('BlkioDeviceWriteIOps', 'Rate'),
  };
}

function ulimits(fields: Fields): ResourceLimits['ulimits'] | undefined {
  const entries = (fields.objects('Ulimits') ?? []).map((ulimit) => {
    const soft = ulimit.integer('Soft') ?? 0;
    return [ulimit.text('Name') ?? '', { soft, hard: ulimit.integer('Hard') ?? soft }] as const;
  });
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}
