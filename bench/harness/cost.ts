import { forgetPeaks, peakMemory, pidsOf, processorTime } from './daemon-usage.ts';
import { quantile, type Series, timed } from './measure.ts';
import type { Usage } from './programs.ts';
import { printTable } from './table.ts';

/** What the commands of a step took: milliseconds of processor time together, and KiB of memory, the largest of them. */
export type Spent = Pick<Usage, 'cpu' | 'peak'>;

/** What is done in this program, or by its own children, is counted here. */
export const nothing: Spent = { cpu: 0, peak: 0 };

/** Who does a step, besides the commands that it starts. */
export interface Workers {
  /** Whether it does its work in this program. */
  readonly isHere?: boolean;
  /** Programs that work for it beside its commands. */
  readonly daemons?: readonly string[];
}

/** Takes the step; answers its time, and all that was spent on it. Of the library, memory is with the bench around it. */
export async function measureCost(
  { isHere = false, daemons = [] }: Workers,
  step: () => Promise<Spent>,
): Promise<Usage> {
  const workers = await pidsOf(daemons);
  const peaks = isHere ? [process.pid] : workers;
  await forgetPeaks(peaks);
  const before = await processorTime([process.pid, ...workers]);
  let spent = nothing;
  const milliseconds = await timed(async () => {
    spent = await step();
  });
  const cpu = spent.cpu + (await processorTime([process.pid, ...workers])) - before;
  return { milliseconds, cpu, peak: spent.peak + (await peakMemory(peaks)) };
}

/** Medians of what each has cost; the first of each is the warm-up. */
export function printCosts(costs: ReadonlyMap<string, readonly Spent[]>): void {
  const median = (name: string, value: (one: Spent) => number) =>
    quantile((costs.get(name) ?? []).slice(1).map(value), 0.5);
  const rows = [...costs.keys()].map((name) => [
    name,
    (median(name, ({ cpu }) => cpu) / 1000).toFixed(2),
    (median(name, ({ peak }) => peak) / 1024).toFixed(0),
  ]);
  printTable('what it takes, with the daemons that work for it', ['', 'processor s', 'peak MB'], rows);
}

/** One value of each cost, without the warm-up. */
export function seriesOf<T>(costs: ReadonlyMap<string, readonly T[]>, value: (one: T) => number): Series[] {
  return [...costs].map(([name, all]) => ({ name, milliseconds: all.slice(1).map(value) }));
}

export function keep<T>(costs: Map<string, T[]>, name: string, one: T): void {
  costs.set(name, [...(costs.get(name) ?? []), one]);
}
