import { existsSync, rmSync } from 'node:fs';
import { EngineError, isEngineError } from '../errors/index.ts';
import type { RuntimeProcess } from '../oci/index.ts';
import { randomId } from '../random-id/index.ts';
import { type ExecDescription, execTask, runExec, type Task } from '../runtime/index.ts';
import { announce, eventSource } from './announce.ts';
import { type AttachmentEvents, attachmentOf } from './attach.ts';
import { allCapabilities } from './capabilities.ts';
import type { Exec, ExecOptions, ExecRunOptions } from './container.ts';
import type { ContainersContext } from './context.ts';
import { execDirectory, forgetOldExecs } from './exec-records.ts';
import { observe } from './observe.ts';
import { absolutePath, texts } from './option-values.ts';
import type { RunResult } from './options.ts';
import type { ContainerRecord } from './record.ts';
import { containerHostname } from './runtime-config.ts';
import { runtimeProcess } from './runtime-process.ts';
import { parseSignal } from './signals.ts';
import { parseEnv, parseUser } from './spec.ts';
import { requireState } from './state.ts';

/** A further process in a running container. ERR_CONTAINER_STATE, ERR_EXEC_*, ERR_USER_NOT_FOUND, ERR_CWD_INVALID. */
export async function execInContainer(
  context: ContainersContext,
  record: ContainerRecord,
  argv: readonly string[],
  options: ExecOptions = {},
): Promise<Exec> {
  const description = describeExec(context, record, argv, options, options.stdin === true);
  await expectRunning(context, record);
  await forgetOldExecs(context, record);
  const { runDir } = context.store.paths(record.id);
  const id = description.events.attributes.execID;
  const directory = execDirectory(context, record, id);
  tellCreated(context, record, description);
  try {
    const launch = { signal: options.signal, monitor: context.monitor, directory };
    const task = await execTask(runDir, description, launch);
    const onDetach = () => announce(context, record, 'exec_detach', { execID: id });
    return execOf(id, task, options.attach === false ? {} : { onDetach });
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    throw await explained(context, record, error);
  }
}

/** The same to its end, its output captured. */
export async function runInContainer(
  context: ContainersContext,
  record: ContainerRecord,
  argv: readonly string[],
  options: ExecRunOptions = {},
): Promise<RunResult> {
  const { input, timeout, maxOutput, signal } = options;
  const description = describeExec(context, record, argv, options, input !== undefined);
  await expectRunning(context, record);
  const { runDir } = context.store.paths(record.id);
  tellCreated(context, record, description);
  const limits = { input, timeout, maxOutput, signal, monitor: context.monitor };
  const { status, stdout, stderr, warnings } = await runExec(runDir, description, limits).catch(
    async (error: unknown) => {
      throw await explained(context, record, error);
    },
  );
  const { exitCode, signal: endedBy, oomKilled } = status;
  return {
    exitCode,
    ...(endedBy && { signal: endedBy }),
    oomKilled,
    warnings,
    stdout: stdout.toString('utf8'),
    stderr: stderr.toString('utf8'),
  };
}

/** That there is one now. */
export function tellCreated(
  context: ContainersContext,
  record: ContainerRecord,
  { process, events }: ReturnType<typeof describeExec>,
): void {
  const { execID } = events.attributes;
  announce(context, record, `exec_create: ${process.args.join(' ').slice(0, 1024)}`, { execID });
}

/** Throws ERR_CONTAINER_STATE. Looks no further than for what a container that runs has: the exec's own monitor finds out whether it still does. */
export async function expectRunning(context: ContainersContext, record: ContainerRecord): Promise<void> {
  const { runDir, paused } = context.store.paths(record.id);
  if (existsSync(`${runDir}/state.json`) && !existsSync(paused)) return;
  await requireRunning(context, record);
}

/** The error, or, of a container that does not run after all, the one that says so. */
export async function explained(
  context: ContainersContext,
  record: ContainerRecord,
  error: unknown,
): Promise<unknown> {
  if (isEngineError(error, 'ERR_CONTAINER_STATE'))
    return (await requireRunning(context, record).catch((better: unknown) => better)) ?? error;
  return error;
}

/** ERR_CONTAINER_STATE, after a look at what is. */
export async function requireRunning(context: ContainersContext, record: ContainerRecord): Promise<void> {
  requireState('exec', record.name, (await observe(context, record)) ?? { status: 'created' });
}

/** What is executed, and how. @throws EngineError ERR_CONTAINER_OPTION_INVALID, ERR_INVALID_ARGUMENT */
export function describeExec(
  context: ContainersContext,
  record: ContainerRecord,
  argv: readonly string[],
  options: Omit<ExecOptions, 'stdin'>,
  stdin: boolean,
): ExecDescription & { events: { attributes: { execID: string } } } {
  const source = eventSource(context, record);
  const user =
    options.user === undefined
      ? (record.spec.user ?? record.image.process.user ?? '')
      : parseUser(options.user);
  const isAttached = options.attach !== false;
  const groups = options.groups === undefined ? record.spec.groups : texts('groups', options.groups);
  return {
    process: execProcess(context, record, argv, options),
    ...((user !== '' || groups.length > 0) && { user: { user, groups } }),
    stdin: stdin ? 'once' : 'none',
    attach: { stdin, stdout: isAttached, stderr: isAttached },
    ...(options.terminal && { terminal: options.terminal }),
    events: { ...source, attributes: { ...source.attributes, execID: randomId() } },
  };
}

/** The container's environment, directory and rights, changed by the options. */
function execProcess(
  { host }: ContainersContext,
  record: ContainerRecord,
  argv: readonly string[],
  options: Omit<ExecOptions, 'stdin'>,
): RuntimeProcess {
  const args = texts('argv', argv);
  if (args.length === 0) throw new EngineError('ERR_INVALID_ARGUMENT', 'the command to execute is empty');
  const spec = {
    ...record.spec,
    argv: args,
    entrypoint: [],
    tty: options.tty === true,
    env: [...record.spec.env, ...parseEnv('env', options.env ?? {})],
    cwd: options.cwd === undefined ? record.spec.cwd : absolutePath('cwd', options.cwd),
  };
  const process = runtimeProcess(spec, record.image.process, containerHostname(record.id, record.spec, host));
  if (!options.privileged) return process;
  const all = allCapabilities;
  return { ...process, capabilities: { bounding: all, effective: all, permitted: all } };
}

/** A task as what exec() gives. */
export function execOf(id: string, task: Task, events: AttachmentEvents): Exec {
  const kill = (signal: string | number = 'SIGKILL') => {
    task.kill(parseSignal(signal));
  };
  return Object.defineProperties(attachmentOf(task, events), {
    id: { value: id, enumerable: true },
    pid: { value: task.pid, enumerable: true },
    wait: { value: () => task.exited },
    kill: { value: async (signal?: string) => kill(signal) },
    [Symbol.asyncDispose]: {
      value: async () => {
        kill();
        task.stdout.destroy();
        task.stderr.destroy();
        await task.exited.catch(() => undefined);
      },
    },
  }) as Exec;
}
