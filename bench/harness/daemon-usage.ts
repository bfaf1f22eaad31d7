import { readdir, readFile, writeFile } from 'node:fs/promises';

/** Clock ticks a second, as /proc counts them. */
const ticks = 100;

/** Processes of that name. In a bench's own process namespace they are the bench's. */
export async function pidsOf(names: readonly string[]): Promise<number[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found = await Promise.all(
    pids.map(async (pid) => {
      const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '');
      return names.includes(name.trim());
    }),
  );
  return pids.filter((_, at) => found[at]);
}

/** Milliseconds of processor time that processes and their ended children have used (proc_pid_stat(5)). */
export async function processorTime(pids: readonly number[]): Promise<number> {
  const times = await Promise.all(
    pids.map(async (pid) => {
      const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).replace(/^.*\) /s, '').split(' ');
      return fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
    }),
  );
  return (times.reduce((sum, time) => sum + time, 0) * 1000) / ticks;
}

/** Begins to count the peaks of their memory anew (proc_pid_clear_refs(5)). */
export async function forgetPeaks(pids: readonly number[]): Promise<void> {
  for (const pid of pids) await writeFile(`/proc/${pid}/clear_refs`, '5');
}

/** The most that they have had since, in KiB. */
export async function peakMemory(pids: readonly number[]): Promise<number> {
  const peaks = await Promise.all(
    pids.map(async (pid) =>
      Number(/^VmHWM:\s+(\d+) kB/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0),
    ),
  );
  return peaks.reduce((sum, peak) => sum + peak, 0);
}
