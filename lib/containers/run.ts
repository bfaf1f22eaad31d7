import { mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { runTask } from '../runtime/index.ts';
import { beginTrace } from '../trace/index.ts';
import { Undo } from '../undo/index.ts';
import { announce } from './announce.ts';
import { makeBundle } from './bundle.ts';
import type { ContainersContext } from './context.ts';
import { draftRecord, makeVolumes, throwIfAborted } from './create.ts';
import { endTask } from './observe.ts';
import type { RunOptions, RunResult } from './options.ts';
import { thisProcess } from './owner.ts';
import type { ContainerRecord } from './record.ts';
import { removeFiles } from './remove.ts';
import { prepareRoot } from './root-mount.ts';
import { parseContainerOptions } from './spec.ts';
import type { ContainerStore } from './store.ts';

/**
 * A command in a new container, from nothing to nothing: create, start, wait and remove with the fewest file operations.
 * No lock is taken, since nobody else knows the container yet; nothing is synced, since it does not outlive a crash; the
 * record is there so that `ps` shows it and heals it when this process dies before the start. The monitor removes it.
 */
export async function runContainer(
  context: ContainersContext,
  reference: string,
  argv: readonly string[],
  options: RunOptions = {},
): Promise<RunResult<string | Buffer>> {
  const trace = beginTrace(`run ${reference}`, context.onTrace);
  const { input, signal, timeout, maxOutput, encoding = 'utf8', ...rest } = options;
  const own = { log: { driver: 'none' }, ...rest, autoRemove: true, stdin: input !== undefined } as const;
  const spec = parseContainerOptions(argv.length > 0 ? { ...own, argv } : own);
  throwIfAborted(signal);
  const record = { ...(await draftRecord(context, reference, spec, signal)), owner: thisProcess() };
  trace?.step('options');
  await using undo = new Undo();
  undo.add(() => trace?.end());
  undo.add(() => removeFiles(context, record, { volumes: true }));
  undo.add(() => endTask(context, record)); // of a monitor that was killed
  await writeRecord(context, record);
  await makeVolumes(context, record, undo);
  announce(context, record, 'create');
  trace?.step('record');
  const root = await prepareRoot(context, record);
  trace?.step('root');
  const withInput = spec.stdin;
  const bundle = await makeBundle(
    context,
    record,
    root,
    {
      stdin: withInput ? 'once' : 'none',
      attach: { stdin: withInput, stdout: true, stderr: true },
    },
    undo,
  );
  trace?.step('config');
  const { runDir } = context.store.paths(record.id);
  const { status, stdout, stderr, warnings } = await runTask(runDir, bundle, {
    input,
    signal,
    timeout,
    maxOutput,
    monitor: context.monitor,
    trace,
  });
  undo.commit();
  trace?.end();
  return {
    exitCode: status.exitCode,
    ...(status.signal && { signal: status.signal }),
    oomKilled: status.oomKilled,
    warnings,
    stdout: encoding === 'buffer' ? stdout : stdout.toString('utf8'),
    stderr: encoding === 'buffer' ? stderr : stderr.toString('utf8'),
  };
}

/** Synchronous on purpose: calls of microseconds each take less than one turn through libuv's pool. */
export async function writeRecord(
  { store, snapshots }: ContainersContext,
  record: ContainerRecord,
): Promise<void> {
  const { dir, runDir } = store.paths(record.id);
  const draft = store.draft(record.id);
  mkdirSync(draft.dir, { mode: 0o700 });
  if (record.spec.name !== null) await reserveNameOf(store, record, draft.dir);
  writeFileSync(draft.record, JSON.stringify(record), { mode: 0o600 });
  renameSync(draft.dir, dir);
  mkdirSync(runDir, { mode: 0o700 }); // after it: a run directory alone is what a removal has left
  await snapshots.removalsDecided();
}

async function reserveNameOf(store: ContainerStore, record: ContainerRecord, draft: string): Promise<void> {
  await store.reserveName(record.name, record.id).catch((error: unknown) => {
    rmSync(draft, { recursive: true });
    throw error;
  });
}

/** Not synced: it does not outlive a crash. */
export function publishRecord({ store }: Pick<ContainersContext, 'store'>, record: ContainerRecord): void {
  const { record: path } = store.paths(record.id);
  writeFileSync(`${path}.new`, JSON.stringify(record), { mode: 0o600 });
  renameSync(`${path}.new`, path);
}
