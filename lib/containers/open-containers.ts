import { EngineError } from '../errors/index.ts';
import type { ContainerUse } from '../images/index.ts';
import type { Task } from '../runtime/index.ts';
import { attachContainer, containerAttachment } from './attach.ts';
import type { Container, Containers, StartedContainer, StartOptions } from './container.ts';
import type { ContainersContext } from './context.ts';
import { createContainer, throwIfAborted } from './create.ts';
import { execInContainer, runInContainer } from './exec.ts';
import { inspectExec, listExecs, resizeExec } from './exec-records.ts';
import { inspectContainer } from './inspect.ts';
import { killContainer } from './kill.ts';
import { listContainers, listUses } from './list.ts';
import { readContainerLog } from './logs.ts';
import { pauseContainer } from './pause.ts';
import type { ContainerRecord } from './record.ts';
import { removeContainer } from './remove.ts';
import { renameContainer } from './rename.ts';
import { restartContainer } from './restart.ts';
import { runContainer } from './run.ts';
import { attachSelection, isAttached, startContainer } from './start.ts';
import { stopContainer } from './stop.ts';
import { unpauseContainer } from './unpause.ts';
import { waitForContainer } from './wait.ts';

/** The verbs of this room as one object, and what images ask of it. Rare ones are loaded when they are called. */
export function openContainers(context: ContainersContext): Containers & { uses(): Promise<ContainerUse[]> } {
  const get = async (nameOrId: string) => handleOf(context, await find(context, nameOrId));
  return {
    create: async (image, options) => handleOf(context, await createContainer(context, image, options)),
    get,
    list: async ({ signal, ...options } = {}) => {
      throwIfAborted(signal);
      return await listContainers(context, options);
    },
    run: ((image, argv = [], options = {}) =>
      runContainer(context, image, argv, options)) as Containers['run'],
    pool: async (image, options, size) =>
      (await import('./pool.ts')).openPool(context, image, options, size, (record, task) =>
        startedHandle(context, record, task, true),
      ),
    startRestartable: async function* (options) {
      yield* (await import('./start-restartable.ts')).startRestartable(context, options);
    },
    start: async (name, options) => await (await get(name)).start(options),
    inspect: async (name, options) => await (await get(name)).inspect(options),
    wait: async (name, options) => await (await get(name)).wait(options),
    logs: (name, options) => logsOf(context, name, options),
    stop: async (name, options) => await (await get(name)).stop(options),
    restart: async (name, options) => await (await get(name)).restart(options),
    kill: async (name, signal) => await (await get(name)).kill(signal),
    pause: async (name) => await (await get(name)).pause(),
    unpause: async (name) => await (await get(name)).unpause(),
    attach: async (name, options) => await (await get(name)).attach(options),
    exec: async (name, argv, options) => await (await get(name)).exec(argv, options),
    startExec: async (execId, options) =>
      (await import('./planned-exec.ts')).startPlannedExec(context, execId, options),
    inspectExec: (execId) => inspectExec(context, execId),
    resizeExec: (execId, rows, cols) => resizeExec(context, execId, rows, cols),
    rename: async (name, newName) => await (await get(name)).rename(newName),
    update: async (name, options) => await (await get(name)).update(options),
    connect: async (name, network) => await (await get(name)).connect(network),
    disconnect: async (name, network) => await (await get(name)).disconnect(network),
    publish: async (name, port) => await (await get(name)).publish(port),
    unpublish: async (name, port) => await (await get(name)).unpublish(port),
    top: async (name, psArgs) => await (await get(name)).top(psArgs),
    stats: (name, options) => statsOf(context, name, options),
    remove: async (name, options) => await (await get(name)).remove(options),
    size: async (name) => await (await get(name)).size(),
    prune: async (options) => (await import('./prune.ts')).pruneContainers(context, options),
    changes: async (name, options) => await (await get(name)).changes(options),
    commit: async (name, options) => await (await get(name)).commit(options),
    export: (name, options) => exportOf(context, name, options),
    uses: () => listUses(context),
  };
}

async function find({ store }: ContainersContext, nameOrId: string): Promise<ContainerRecord> {
  const record = await store.read(await store.find(nameOrId));
  if (record !== null) return record;
  throw new EngineError('ERR_CONTAINER_NOT_FOUND', `container ${nameOrId} has been removed`);
}

async function* logsOf(context: ContainersContext, name: string, options: Parameters<Containers['logs']>[1]) {
  yield* readContainerLog(context, await find(context, name), options);
}

async function* exportOf(
  context: ContainersContext,
  name: string,
  options?: Parameters<Containers['export']>[1],
) {
  yield* handleOf(context, await find(context, name)).export(options);
}

async function* statsOf(
  context: ContainersContext,
  name: string,
  options: Parameters<Containers['stats']>[1],
) {
  yield* handleOf(context, await find(context, name)).stats(options);
}

function handleOf(context: ContainersContext, record: ContainerRecord): Container {
  return {
    id: record.id,
    name: record.name,
    start: (options) => started(context, record, options),
    inspect: async ({ signal } = {}) => {
      throwIfAborted(signal);
      return await inspectContainer(context, record);
    },
    wait: (options) => waitForContainer(context, record, options),
    logs: (options) => readContainerLog(context, record, options),
    stop: (options) => stopContainer(context, record, options),
    restart: (options) => restartContainer(context, record, options),
    kill: (signal) => killContainer(context, record, signal),
    pause: () => pauseContainer(context, record),
    unpause: () => unpauseContainer(context, record),
    attach: (options) => attachContainer(context, record, options),
    exec: (argv, options) => execInContainer(context, record, argv, options),
    planExec: async (argv, options) =>
      (await import('./planned-exec.ts')).planExec(context, record, argv, options),
    resize: async (rows, cols) => (await import('./resize.ts')).resizeContainer(context, record, rows, cols),
    execs: () => listExecs(context, record),
    run: (argv, options) => runInContainer(context, record, argv, options),
    rename: async (name) => void (await renameContainer(context, record, name)),
    update: async (options) =>
      void (await (await import('./update.ts')).updateContainer(context, record, options)),
    connect: async (network) => (await import('./connect.ts')).connectContainer(context, record, network),
    disconnect: async (network) =>
      (await import('./connect.ts')).disconnectContainer(context, record, network),
    publish: async (port) => (await import('./connect.ts')).publishPort(context, record, port),
    unpublish: async (port) => (await import('./connect.ts')).unpublishPort(context, record, port),
    top: async (psArgs) => (await import('./top.ts')).listProcesses(context, record, psArgs),
    stats: async function* (options) {
      yield* (await import('./stats.ts')).readStats(context, record, options);
    },
    remove: (options) => removeContainer(context, record, options),
    size: async () => (await import('./size.ts')).containerSize(context, record),
    changes: async (options) => (await import('./changes.ts')).listContainerChanges(context, record, options),
    commit: async (options) => (await import('./commit.ts')).commitContainer(context, record, options),
    export: async function* (options) {
      yield* (await import('./export.ts')).exportContainer(context, record, options);
    },
    statPath: async (path, options) =>
      (await import('./copy.ts')).statContainerPath(context, record, path, options),
    copyOut: async function* (path, options) {
      yield* (await import('./copy.ts')).copyOutOfContainer(context, record, path, options);
    },
    copyIn: async (path, tar, options) =>
      (await import('./copy.ts')).copyIntoContainer(context, record, path, tar, options),
  };
}

async function started(
  context: ContainersContext,
  record: ContainerRecord,
  options: StartOptions = {},
): Promise<StartedContainer> {
  const task = await startContainer(context, record, options);
  return startedHandle(context, record, task, isAttached(attachSelection(options.attach)));
}

function startedHandle(
  context: ContainersContext,
  record: ContainerRecord,
  task: Task,
  attached: boolean,
): StartedContainer {
  return {
    ...handleOf(context, record),
    pid: task.pid,
    startedAt: task.startedAt,
    warnings: task.warnings,
    attachment: attached ? containerAttachment(context, record, task) : null,
    [Symbol.asyncDispose]: async () => {
      task.detach();
      await removeContainer(context, record, { force: true, volumes: true }).catch((error: unknown) => {
        if (!isGone(error)) throw error;
      });
    },
  };
}

function isGone(error: unknown): boolean {
  return error instanceof EngineError && error.code === 'ERR_CONTAINER_NOT_FOUND';
}
