/** One of those that are compared. `once` does the whole job one time and answers its milliseconds. */
export interface Contender {
  readonly name: string;
  once(): Promise<number>;
}

export interface Series {
  readonly name: string;
  readonly milliseconds: readonly number[];
}

/**
 * Every contender once a round, each round begun by another: what drifts on the machine meets all of them alike. The
 * warm-up rounds are not counted.
 */
export async function interleave(
  contenders: readonly Contender[],
  { rounds, warmups = 2 }: { rounds: number; warmups?: number },
): Promise<Series[]> {
  const times = new Map<string, number[]>(contenders.map(({ name }) => [name, []]));
  for (let round = -warmups; round < rounds; round++) {
    for (let i = 0; i < contenders.length; i++) {
      const contender = contenders[(i + round + warmups) % contenders.length];
      if (!contender) continue;
      const milliseconds = await contender.once();
      if (round >= 0) times.get(contender.name)?.push(milliseconds);
    }
  }
  return contenders.map(({ name }) => ({ name, milliseconds: times.get(name) ?? [] }));
}

export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

/** The value below which `fraction` of the sorted series lies. */
export function quantile(values: readonly number[], fraction: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * fraction))] ?? Number.NaN;
}
