import { randomUUID } from 'node:crypto';
import { EngineError } from '../../errors/index.ts';
import type { RunDocument, RunKind } from '../api-documents.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { type CollectOptions, collectGarbage } from './collect-garbage.ts';
import { scrubRegistry } from './scrub.ts';

/** Runs that are remembered, and problems of one. */
const [mostRuns, mostProblems] = [50, 100];
/** Milliseconds between signs of life of one that runs, and without one after which it is taken for lost. */
const [pulse, patience] = [10_000, 60_000];

const folder = 'runs';

/** What came of a run. */
type Outcome = Pick<RunDocument, 'counts' | 'problems'>;

/**
 * Collections and scrubs, with what came of them, in a registry's storage, so that all processes tell of the same: `runs/TIME-ID`.
 */
export class Runs implements AsyncDisposable {
  readonly #storage: RegistryStorage;
  readonly #collectOptions: CollectOptions;
  readonly #onChange: () => void;
  readonly #stop = new AbortController();
  readonly #running = new Map<RunKind, Promise<unknown>>();

  constructor(storage: RegistryStorage, collectOptions: CollectOptions, onChange: () => void) {
    this.#storage = storage;
    this.#collectOptions = collectOptions;
    this.#onChange = onChange;
  }

  /** Begins one for somebody, and does not wait for its end. ERR_UPLOAD_BUSY: one of that kind runs here. */
  async begin(kind: RunKind, by: string): Promise<RunDocument> {
    if (this.#running.has(kind)) throw busy(kind);
    const { signal } = this.#stop;
    const work = async () => (kind === 'collect' ? this.#collect(signal) : this.#scrub(signal));
    const run = newRun(kind, by);
    const ended = this.#record(run, work).catch(() => undefined);
    this.#running.set(kind, ended);
    void ended.then(() => this.#running.delete(kind));
    return run;
  }

  /** A collection by the schedule. It leaves no record where another process collects already. Throws what it fails with. */
  async collect(work: () => Promise<Outcome | undefined>): Promise<void> {
    await this.#record(newRun('collect'), work);
  }

  /** The latest first. */
  async list(): Promise<RunDocument[]> {
    const names = (await this.#storage.list(folder)).reverse().slice(0, mostRuns);
    const runs = await Promise.all(names.map((name) => this.#read(`${folder}/${name}`)));
    return runs.filter((run) => run !== undefined);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#running.values());
  }

  async #read(key: string): Promise<RunDocument | undefined> {
    const [bytes, status] = [await this.#storage.read(key), await this.#storage.stat(key)];
    if (bytes === undefined || status === undefined) return undefined;
    const run = JSON.parse(bytes.toString()) as RunDocument;
    const isLost = run.endedAt === undefined && status.needed < Date.now() - patience;
    return isLost
      ? { ...run, endedAt: new Date(status.needed).toISOString(), error: 'its process has died' }
      : run;
  }

  async #record(run: RunDocument, work: () => Promise<Outcome | undefined>): Promise<void> {
    const key = `${folder}/${run.startedAt.replaceAll(':', '-')}-${run.id}`;
    await this.#write(key, run);
    const alive = setInterval(() => void this.#storage.touch(key).catch(() => undefined), pulse);
    try {
      const outcome = await work();
      if (outcome === undefined) await this.#storage.remove(key);
      else await this.#write(key, { ...run, ...outcome, endedAt: new Date().toISOString() });
    } catch (error) {
      const endedAt = new Date().toISOString();
      await this.#write(key, { ...run, endedAt, error: (error as Error).message });
      throw error;
    } finally {
      clearInterval(alive);
      this.#onChange();
    }
  }

  async #write(key: string, run: RunDocument): Promise<void> {
    await this.#storage.write(key, JSON.stringify(run));
    this.#onChange();
    for (const name of (await this.#storage.list(folder)).slice(0, -mostRuns))
      await this.#storage.remove(`${folder}/${name}`);
  }

  async #collect(signal: AbortSignal): Promise<Outcome> {
    const report = await collectGarbage(this.#storage, { ...this.#collectOptions, signal });
    if (report === undefined) throw busy('collect');
    return collectOutcome(report);
  }

  async #scrub(signal: AbortSignal): Promise<Outcome> {
    const { blobs, bytes, problems } = await scrubRegistry(this.#storage, { signal });
    const told = problems.slice(0, mostProblems).map(({ what, digest, repository, detail }) => ({
      what: `${what} ${repository === undefined ? '' : `${repository} `}${digest}`,
      detail,
    }));
    return { counts: { blobs, bytes, problems: problems.length }, problems: told };
  }
}

/** A report of a collection, as a run has it. */
export function collectOutcome({
  damaged,
  ...counts
}: NonNullable<Awaited<ReturnType<typeof collectGarbage>>>): Outcome {
  const problems = damaged.map((name) => ({
    what: name,
    detail: 'a manifest cannot be read: nothing of it was removed',
  }));
  return { counts: { ...counts }, problems };
}

function newRun(kind: RunKind, by?: string): RunDocument {
  const startedAt = new Date().toISOString();
  return {
    id: randomUUID().slice(0, 8),
    kind,
    startedAt,
    ...(by !== undefined && { by }),
    counts: {},
    problems: [],
  };
}

function busy(kind: RunKind): EngineError {
  return new EngineError('ERR_UPLOAD_BUSY', `a ${kind} runs already: wait for its end`, {
    details: { kind },
  });
}
