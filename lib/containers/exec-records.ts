import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { EngineError } from '../errors/index.ts';
import { attachTask, type ExecDescription, taskState } from '../runtime/index.ts';
import { allCapabilities } from './capabilities.ts';
import type { ContainersContext } from './context.ts';
import { integer } from './option-values.ts';
import type { ContainerRecord } from './record.ts';
import type { ExitStatus } from './state.ts';
import { ignoring } from './store.ts';

/** What is known of a further process in a container, while it runs and after its end. */
export interface ExecInfo {
  readonly id: string;
  readonly containerId: string;
  readonly running: boolean;
  /** null while it runs, and when its monitor was killed. 128+n after a signal. */
  readonly exitCode: number | null;
  /** null when it does not run. */
  readonly pid: number | null;
  readonly argv: readonly string[];
  readonly user: string;
  readonly tty: boolean;
  /** Whether it has all capabilities. */
  readonly privileged: boolean;
  /** Whether it has a stdin. */
  readonly stdin: boolean;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
}

/** Of one container; the oldest that have ended are forgotten first. */
const kept = 64;
/** So many more before they are looked at: not at each exec. */
const slack = 16;

/** Where a new exec has its files: RUN/containers/ID/exec/EXECID, as long as the container runs. */
export function execDirectory(context: ContainersContext, record: ContainerRecord, id: string): string {
  return `${execsOf(context, record.id)}/${id}`;
}

/** Those that run, and the last that have ended since the container was started, oldest first. */
export async function listExecs(context: ContainersContext, { id }: ContainerRecord): Promise<ExecInfo[]> {
  const all = await Promise.all((await entries(context, id)).map((execId) => read(context, id, execId)));
  return all.filter((info) => info !== null);
}

/** By its whole id, whatever container it is in. ERR_EXEC_NOT_KNOWN. */
export async function inspectExec(context: ContainersContext, execId: string): Promise<ExecInfo> {
  const info = await read(context, await containerOfExec(context, execId), execId);
  if (info !== null) return info;
  throw notKnown(execId);
}

/** Another size for the terminal of one that runs, from any program. ERR_EXEC_NOT_KNOWN, ERR_CONTAINER_STATE. */
export async function resizeExec(
  context: ContainersContext,
  execId: string,
  rows: number,
  cols: number,
): Promise<void> {
  const [height, width] = [integer('rows', rows, 1, 65_535), integer('cols', cols, 1, 65_535)];
  const directory = `${execsOf(context, await containerOfExec(context, execId))}/${execId}`;
  const task = await attachTask(directory, { stdin: false, stdout: false, stderr: false });
  task.resize(height, width);
  task.detach();
}

/** Makes room for another one. */
export async function forgetOldExecs(context: ContainersContext, { id }: ContainerRecord): Promise<void> {
  const ids = await entries(context, id);
  if (ids.length < kept + slack) return;
  for (const execId of ids.slice(0, ids.length - kept)) {
    const directory = `${execsOf(context, id)}/${execId}`;
    if ((await taskState(directory)).status === 'dead') rmSync(directory, { recursive: true, force: true });
  }
}

function execsOf({ store }: ContainersContext, id: string): string {
  return `${store.paths(id).runDir}/exec`;
}

/** Oldest first. */
async function entries(context: ContainersContext, id: string): Promise<string[]> {
  const directory = execsOf(context, id);
  const names = (await readdir(directory).catch(ignoring('ENOENT'))) ?? [];
  const age = (name: string) =>
    statSync(`${directory}/${name}/exec.json`, { throwIfNoEntry: false })?.mtimeMs ??
    Number.POSITIVE_INFINITY;
  const byAge = names.map((name) => [age(name), name] as const).sort(([left], [right]) => left - right);
  return byAge.map(([, name]) => name);
}

/** The id of the container that has it. ERR_EXEC_NOT_KNOWN. */
export async function containerOfExec(context: ContainersContext, execId: string): Promise<string> {
  if (/^[0-9a-f]{16,64}$/.test(execId)) {
    for (const id of await context.store.ids())
      if (existsSync(`${execsOf(context, id)}/${execId}`)) return id;
  }
  throw notKnown(execId);
}

async function read(context: ContainersContext, containerId: string, id: string): Promise<ExecInfo | null> {
  const directory = `${execsOf(context, containerId)}/${id}`;
  const description = readJson<ExecDescription>(`${directory}/exec.json`);
  if (description === null) return null;
  const state = await taskState(directory);
  const exit = readJson<ExitStatus>(`${directory}/exit.json`);
  const isOver = state.status === 'dead' || exit !== null;
  const task = state.status === 'running' && !isOver ? state : null;
  return {
    id,
    containerId,
    running: !isOver,
    exitCode: exit?.exitCode ?? null,
    pid: task?.pid ?? null,
    argv: description.process.args,
    user: description.user?.user ?? '',
    tty: description.process.terminal === true,
    privileged: description.process.capabilities?.bounding?.length === allCapabilities.length,
    stdin: description.stdin !== 'none',
    startedAt: exit?.startedAt ?? task?.startedAt ?? null,
    finishedAt: exit?.finishedAt ?? null,
  };
}

function readJson<T>(path: string): T | null {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch (error) {
    return ignoring('ENOENT')(error);
  }
}

function notKnown(id: string): EngineError {
  return new EngineError(
    'ERR_EXEC_NOT_KNOWN',
    `there is no exec ${id.slice(0, 64)}: it is known as long as its container runs, of those that have ended the last ${kept}`,
    { details: { exec: id } },
  );
}
