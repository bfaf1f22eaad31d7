import { existsSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';
import {
  type LateProcess,
  launchWaiting,
  type Task,
  type TaskResult,
  type WaitingTask,
} from '../runtime/index.ts';
import { Undo } from '../undo/index.ts';
import { announce } from './announce.ts';
import { makeBundle } from './bundle.ts';
import type { Cancellable, ExecRunOptions, StartedContainer } from './container.ts';
import { returnIds } from './container-ids.ts';
import type { ContainersContext } from './context.ts';
import { draftRecord, makeVolumes, throwIfAborted } from './create.ts';
import { endTask } from './observe.ts';
import { absolutePath, integer, texts } from './option-values.ts';
import type { ContainerOptions, RunResult } from './options.ts';
import { thisProcess } from './owner.ts';
import type { ContainerRecord } from './record.ts';
import { removeFiles } from './remove.ts';
import { prepareRoot } from './root-mount.ts';
import { publishRecord, writeRecord } from './run.ts';
import { containerHostname } from './runtime-config.ts';
import { commandLine, environment, workingDir } from './runtime-process.ts';
import { type ContainerSpec, parseContainerOptions, parseEnv } from './spec.ts';
import { ignoring } from './store.ts';

/** What only a pool has. */
export interface PoolSize {
  /** Containers that wait, 1 to 1000. */
  readonly size: number;
}

/** What can still be said when a container is taken. */
export interface TakeOptions extends Cancellable {
  /** Added to the environment that the image and the pool's options give. */
  env?: Readonly<Record<string, string>>;
  /** Instead of the pool's. */
  cwd?: string;
}

/** As ExecRunOptions, as far as a process can still be changed. */
export type PoolRunOptions = TakeOptions & Pick<ExecRunOptions, 'input' | 'timeout' | 'maxOutput'>;

/**
 * Containers that are set up to the last step before the exec: each is used once. When one is taken another one is made in
 * the background. Disposal removes those that wait; so does the end of this program, however it comes. Those that were
 * taken are their taker's.
 */
export interface Pool extends AsyncDisposable {
  readonly size: number;
  /** How many wait now. */
  readonly waiting: number;
  /** Resolves when `size` wait; rejects when one cannot be made. */
  filled(): Promise<void>;
  /** `engine.run` in a container that waits. Errors as there. */
  run(argv: readonly string[], options?: PoolRunOptions): Promise<RunResult>;
  /** Starts a command in a container that waits, attached; it is removed when it ends. */
  take(argv: readonly string[], options?: TakeOptions): Promise<StartedContainer>;
}

interface Member {
  readonly record: ContainerRecord;
  readonly task: WaitingTask;
}

type HandleOf = (record: ContainerRecord, task: Task) => StartedContainer;

/** Shown as the command of a container that waits. */
const placeholder = ['(waits in a pool)'];

/**
 * Opens a pool: parses the options, finds (or pulls) the image, and begins to fill it.
 * @throws EngineError as createContainer
 */
export async function openPool(
  context: ContainersContext,
  reference: string,
  options: ContainerOptions,
  { size }: PoolSize,
  handleOf: HandleOf,
): Promise<Pool> {
  const count = integer('size', size, 1, 1000);
  const { name, ...rest } = options;
  if (name !== undefined)
    throw new EngineError(
      'ERR_INVALID_ARGUMENT',
      'the containers of a pool cannot all have one name: leave it out',
    );
  const own = { log: { driver: 'none' }, argv: placeholder, ...rest, autoRemove: true, stdin: true } as const;
  const spec = parseContainerOptions(own);
  await returnIds(context, await draftRecord(context, reference, spec)); // pulls, and refuses what cannot be
  return new ContainerPool(context, reference, { ...spec, pull: 'missing' }, count, handleOf);
}

class ContainerPool implements Pool {
  readonly size: number;
  readonly #context: ContainersContext;
  readonly #reference: string;
  readonly #spec: ContainerSpec;
  readonly #handleOf: HandleOf;
  /** Oldest first; some are still being made. */
  readonly #members: Promise<Member>[] = [];
  /** Those of them that are made. */
  readonly #ready = new Set<Promise<Member>>();
  #isDisposed = false;

  constructor(
    context: ContainersContext,
    reference: string,
    spec: ContainerSpec,
    size: number,
    handleOf: HandleOf,
  ) {
    this.size = size;
    this.#context = context;
    this.#reference = reference;
    this.#spec = spec;
    this.#handleOf = handleOf;
    this.#fill();
  }

  get waiting(): number {
    return this.#ready.size;
  }

  async filled(): Promise<void> {
    this.#fill();
    await Promise.all(this.#members);
  }

  async run(argv: readonly string[], options: PoolRunOptions = {}): Promise<RunResult> {
    const { status, stdout, stderr, warnings } = await this.#begin(argv, options, (task, process) =>
      task.run(process, options),
    );
    return {
      exitCode: status.exitCode,
      ...(status.signal && { signal: status.signal }),
      oomKilled: status.oomKilled,
      warnings,
      stdout: stdout.toString('utf8'),
      stderr: stderr.toString('utf8'),
    };
  }

  async take(argv: readonly string[], options: TakeOptions = {}): Promise<StartedContainer> {
    let record: ContainerRecord | undefined;
    const task = await this.#begin(argv, options, (waiting, process, taken) => {
      record = taken;
      return waiting.begin(process, { signal: options.signal });
    });
    return this.#handleOf(record as ContainerRecord, task);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    const members = await Promise.allSettled(this.#members.splice(0));
    const waiting = members.flatMap((member) => (member.status === 'fulfilled' ? [member.value] : []));
    await Promise.all(waiting.map((member) => discard(this.#context, member)));
    this.#ready.clear();
  }

  async #begin<T extends Task | TaskResult>(
    argv: readonly string[],
    options: TakeOptions,
    execute: (task: WaitingTask, process: LateProcess, record: ContainerRecord) => Promise<T>,
  ): Promise<T> {
    const change = parseChange(argv, options);
    const member = await this.#next();
    try {
      const { record, process } = this.#changed(member.record, change);
      const executed = execute(member.task, process, record);
      executed.catch(() => undefined); // it is awaited below
      publishTaken(this.#context, record); // while the command is being executed
      return await executed;
    } catch (error) {
      await discard(this.#context, member);
      throw error;
    } finally {
      this.#fill();
    }
  }

  /** What it is from now on. */
  #changed(record: ContainerRecord, { argv, env, cwd }: Change) {
    const spec = {
      ...record.spec,
      argv: argv.length > 0 ? argv : record.spec.argv,
      env: [...record.spec.env, ...env],
      cwd: cwd ?? record.spec.cwd,
    };
    if (spec.argv === placeholder || spec.argv?.[0] === placeholder[0])
      throw new EngineError('ERR_INVALID_ARGUMENT', 'the command to execute is empty');
    const hostname = containerHostname(record.id, spec, this.#context.host);
    const { process } = record.image;
    const late = {
      args: commandLine(spec, process),
      env: environment(spec, process, hostname),
      cwd: spec.cwd ?? workingDir(process),
    };
    return { record: { ...record, spec }, process: late };
  }

  /** The oldest that waits, or that will; one that has died meanwhile is passed over. */
  async #next(): Promise<Member> {
    for (;;) {
      if (this.#isDisposed)
        throw new EngineError('ERR_ABORTED', 'the pool has been disposed of: open another one');
      this.#fill();
      const promise = this.#members.shift() as Promise<Member>;
      this.#ready.delete(promise);
      const member = await promise;
      if (!member.task.hasEnded) return member;
    }
  }

  #fill(): void {
    while (!this.#isDisposed && this.#members.length < this.size) {
      const promise = makeMember(this.#context, this.#reference, this.#spec);
      this.#members.push(promise);
      promise.then(
        (member) => this.#watch(promise, member),
        () => undefined, // whoever takes it is told
      );
    }
  }

  #watch(promise: Promise<Member>, { task, record }: Member): void {
    if (this.#members.includes(promise)) this.#ready.add(promise);
    task.gone.then(async () => {
      if (!this.#ready.delete(promise)) return;
      this.#members.splice(this.#members.indexOf(promise), 1);
      await removeLost(this.#context, record).catch(() => undefined); // whoever looks at containers next heals it
    });
  }
}

/** One that has ended meanwhile has been removed. */
function publishTaken(context: ContainersContext, record: ContainerRecord): void {
  try {
    publishRecord(context, record);
  } catch (error) {
    ignoring('ENOENT')(error);
  }
}

interface Change {
  readonly argv: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string | null;
}

function parseChange(argv: readonly string[], { env = {}, cwd, signal }: TakeOptions): Change {
  throwIfAborted(signal);
  return {
    argv: texts('argv', argv),
    env: parseEnv('env', env),
    cwd: cwd === undefined ? null : absolutePath('cwd', cwd),
  };
}

/** As `run` does it, up to the last step. */
async function makeMember(
  context: ContainersContext,
  reference: string,
  spec: ContainerSpec,
): Promise<Member> {
  const record = { ...(await draftRecord(context, reference, spec)), owner: thisProcess() };
  await using undo = new Undo();
  undo.add(() => removeFiles(context, record, { volumes: true }));
  undo.add(() => endTask(context, record)); // of a monitor that was killed
  await writeRecord(context, record);
  await makeVolumes(context, record, undo);
  announce(context, record, 'create');
  const bundle = await makeBundle(
    context,
    record,
    await prepareRoot(context, record),
    {
      stdin: 'once',
      attach: { stdin: true, stdout: true, stderr: true },
    },
    undo,
  );
  const { runDir } = context.store.paths(record.id);
  const task = await launchWaiting(runDir, bundle, { monitor: context.monitor });
  undo.commit();
  return { record, task };
}

async function discard(context: ContainersContext, { record, task }: Member): Promise<void> {
  await task.discard();
  await removeLost(context, record);
}

/** What its monitor did not remove: it was killed, or the exec failed. */
async function removeLost(context: ContainersContext, record: ContainerRecord): Promise<void> {
  const { dir, runDir } = context.store.paths(record.id);
  if (!existsSync(dir) && !existsSync(runDir)) return;
  await endTask(context, record);
  await removeFiles(context, record, { volumes: true });
}
