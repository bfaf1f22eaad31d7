import type { RequestRecord } from './request-record.ts';

/** Upper bounds of the time that requests take, in seconds. */
const bounds = [0.001, 0.005, 0.025, 0.1, 0.5, 2.5, 10, 60];

/** Counts of what a registry has done, in the text format of Prometheus (0.0.4). */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #counts = new Map<string, number>();
  readonly #buckets = bounds.map(() => 0);
  #sum = 0;
  #count = 0;

  observe({ method, status, milliseconds, sent, received }: RequestRecord): void {
    add(this.#requests, `method="${method}",status="${status}"`, 1);
    add(this.#counts, 'strake_registry_sent_bytes_total', sent);
    add(this.#counts, 'strake_registry_received_bytes_total', received);
    const seconds = milliseconds / 1000;
    for (const [at, bound] of bounds.entries())
      if (seconds <= bound) this.#buckets[at] = (this.#buckets[at] ?? 0) + 1;
    this.#sum += seconds;
    this.#count++;
  }

  /** Adds to a counter that has no labels. */
  add(name: string, amount: number): void {
    add(this.#counts, name, amount);
  }

  text(): string {
    const name = 'strake_registry_request_seconds';
    const requests = [...this.#requests].map(
      ([labels, value]) => `strake_registry_requests_total{${labels}} ${value}`,
    );
    const counts = [...this.#counts].flatMap(([key, value]) => [`# TYPE ${key} counter`, `${key} ${value}`]);
    const buckets = bounds.map((bound, at) => `${name}_bucket{le="${bound}"} ${this.#buckets[at]}`);
    const lines = [
      '# TYPE strake_registry_requests_total counter',
      ...requests,
      ...counts,
      `# TYPE ${name} histogram`,
      ...buckets,
      `${name}_bucket{le="+Inf"} ${this.#count}`,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${this.#count}`,
      '# TYPE process_resident_memory_bytes gauge',
      `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
    ];
    return `${lines.join('\n')}\n`;
  }
}

function add(map: Map<string, number>, key: string, amount: number): void {
  map.set(key, (map.get(key) ?? 0) + amount);
}
