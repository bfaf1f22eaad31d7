import { mkdirSync, readFileSync, unlinkSync, writeFileSync } from 'node:fs';
import { EngineError, isEngineError } from '../errors/index.ts';
import { type ExecDescription, execTask } from '../runtime/index.ts';
import type { Cancellable, Exec, ExecOptions } from './container.ts';
import type { ContainersContext } from './context.ts';
import { describeExec, execOf, explained, requireRunning, tellCreated } from './exec.ts';
import { containerOfExec, execDirectory, forgetOldExecs } from './exec-records.ts';
import type { ContainerRecord } from './record.ts';
import type { ExitStatus } from './state.ts';

/** How a planned exec is connected to the program that starts it. */
export interface StartExecOptions extends Cancellable {
  /** Whether it is connected at all; else it has no stdin. Default: yes. */
  attach?: boolean;
  terminal?: { rows: number; cols: number };
}

/** In an exec's directory until somebody starts it: to remove it is to have the right to. */
const marker = 'planned';

/**
 * A further process for a running container that any program may start later, once, by the id that is answered. It is known as
 * long as others are (exec-records.ts). Errors as exec()'s, but for those of its execution.
 */
export async function planExec(
  context: ContainersContext,
  record: ContainerRecord,
  argv: readonly string[],
  options: Omit<ExecOptions, 'terminal' | 'signal'> = {},
): Promise<string> {
  const description = describeExec(context, record, argv, options, options.stdin === true);
  await requireRunning(context, record);
  await forgetOldExecs(context, record);
  const id = description.events.attributes.execID;
  const directory = execDirectory(context, record, id);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(`${directory}/${marker}`, '');
  writeFileSync(`${directory}/exec.json`, JSON.stringify(description), { mode: 0o600 });
  tellCreated(context, record, description);
  return id;
}

/**
 * Starts what planExec() has planned. One that cannot be executed has ended, with exit code 126 or 127 as a shell would say.
 * ERR_EXEC_NOT_KNOWN; ERR_CONTAINER_STATE when it was started before, or its container does not run; else as exec().
 */
export async function startPlannedExec(
  context: ContainersContext,
  id: string,
  { attach = true, terminal, signal }: StartExecOptions = {},
): Promise<Exec> {
  const record = await recordOf(context, await containerOfExec(context, id));
  await requireRunning(context, record);
  const directory = execDirectory(context, record, id);
  const planned = JSON.parse(readFileSync(`${directory}/exec.json`, 'utf8')) as ExecDescription;
  take(`${directory}/${marker}`, id);
  const description: ExecDescription = {
    ...planned,
    ...(!attach && { stdin: 'none', attach: { stdin: false, stdout: false, stderr: false } }),
    ...(terminal && { terminal }),
  };
  try {
    const { runDir } = context.store.paths(record.id);
    const task = await execTask(runDir, description, { signal, monitor: context.monitor, directory });
    const exec = execOf(id, task, {});
    if (!attach) exec.detach();
    return exec;
  } catch (error) {
    writeFileSync(`${directory}/exit.json`, JSON.stringify(failedExit(error)), { mode: 0o600 });
    throw await explained(context, record, error);
  }
}

async function recordOf({ store }: ContainersContext, id: string): Promise<ContainerRecord> {
  const record = await store.read(id);
  if (record !== null) return record;
  throw new EngineError('ERR_CONTAINER_NOT_FOUND', `container ${id.slice(0, 12)} has been removed`);
}

function take(path: string, id: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new EngineError(
      'ERR_CONTAINER_STATE',
      `exec ${id.slice(0, 12)} has been started already: make another`,
      {
        cause: error,
        details: { exec: id },
      },
    );
  }
}

/** POSIX, "Shell Command Language", 2.8.2. */
function failedExit(error: unknown): ExitStatus {
  const now = new Date().toISOString();
  const exitCode = isEngineError(error, 'ERR_EXEC_NOT_FOUND') ? 127 : 126;
  return { exitCode, oomKilled: false, startedAt: now, finishedAt: now };
}
