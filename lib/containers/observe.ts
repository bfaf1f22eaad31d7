import { existsSync, readFileSync } from 'node:fs';
import { readdir, rename, rm } from 'node:fs/promises';
import { killCgroup, removeCgroup, thawCgroup } from '../../bindings/cgroup.ts';
import { removeTree, writeFileAtomic } from '../../bindings/files.ts';
import { EngineError } from '../errors/index.ts';
import { taskState } from '../runtime/index.ts';
import { announce } from './announce.ts';
import { cgroupOf } from './bundle.ts';
import type { ContainersContext } from './context.ts';
import { isAlive, type Owner } from './owner.ts';
import type { ContainerRecord } from './record.ts';
import { removeFiles } from './remove.ts';
import type { ContainerState, ExitStatus } from './state.ts';
import { type ContainerPaths, ignoring, previousExit } from './store.ts';

/**
 * The state of a container, derived from its files and its monitor's lock. What a killed monitor or a crash left is
 * healed on the way. null: it is gone (its owner died before it was started, or it was to remove itself).
 */
export async function observe(
  context: ContainersContext,
  record: ContainerRecord,
): Promise<ContainerState | null> {
  const seen = await look(context, record);
  if (typeof seen !== 'string') return seen;
  using _lock = await context.store.lock(record.id);
  return await observeLocked(context, record); // somebody may have healed it, or started it
}

/** Whether its monitor, or whoever was to start it or to let it run on, has died: `observe` puts it in order. Changes nothing. */
export async function needsHealing(
  context: Pick<ContainersContext, 'store'>,
  record: ContainerRecord,
): Promise<boolean> {
  return typeof (await look(context, record)) === 'string';
}

/** For whoever holds the transition lock already. */
export async function observeLocked(
  context: ContainersContext,
  record: ContainerRecord,
): Promise<ContainerState | null> {
  const seen = await look(context, record);
  if (seen === 'forsaken') return await thaw(context, record);
  return seen === 'lost' ? await heal(context, record) : seen;
}

/** Files are looked at synchronously: each takes microseconds, and a turn through libuv's pool more. */
async function look(
  { store }: Pick<ContainersContext, 'store'>,
  record: ContainerRecord,
): Promise<ContainerState | 'lost' | 'forsaken'> {
  const paths = store.paths(record.id);
  const task = await taskState(paths.runDir);
  if (task.status === 'running') {
    const mark = readText(paths.paused);
    if (mark && !isAlive(JSON.parse(mark) as Owner)) return 'forsaken';
    const status = mark === null ? 'running' : 'paused';
    return { status, pid: task.pid, startedAt: task.startedAt, restarts: task.restarts };
  }
  const exit = readExit(paths.exit);
  if (task.status === 'restarting' && exit !== null)
    return { status: 'restarting', restartAt: task.restartAt, ...exit, restarts: task.restarts };
  if (exit !== null) return { status: 'exited', ...exit };
  if (task.status === 'starting') return { status: 'created' };
  const wasStarted = [paths.started, `${paths.runDir}/state.json`, previousExit(paths)].some((path) =>
    existsSync(path),
  );
  return wasStarted || isOrphan(record) ? 'lost' : { status: 'created' };
}

/** Made by a `run` whose process has died before the start. */
function isOrphan({ owner }: ContainerRecord): boolean {
  return owner !== undefined && !isAlive(owner);
}

/** Paused by a commit whose process has died before it could let it run on. */
async function thaw(context: ContainersContext, record: ContainerRecord): Promise<ContainerState | null> {
  await thawCgroup(cgroupOf(record));
  await rm(context.store.paths(record.id).paused, { force: true });
  return await observeLocked(context, record);
}

/** Its processes are killed and its cgroup goes; it has then ended as its monitor left word or with 137, or is removed if it was to remove itself. */
async function heal(context: ContainersContext, record: ContainerRecord): Promise<ContainerState | null> {
  const paths = context.store.paths(record.id);
  await endTask(context, record);
  if (!existsSync(paths.started) && existsSync(previousExit(paths)))
    return await restoreExit(context, record);
  announce(context, record, 'die', { exitCode: '137' });
  if (record.spec.autoRemove) {
    await removeFiles(context, record, { volumes: true });
    return null;
  }
  // The monitor leaves the status in the run directory when its disk was full.
  const exit = readExit(`${paths.runDir}/exit.json`) ?? lostStatus(`${paths.runDir}/state.json`);
  try {
    await removeDrafts(paths);
    await writeFileAtomic(paths.exit, JSON.stringify(exit), { mode: 0o600, durable: true });
    await removeTree(paths.runDir);
  } catch (error) {
    // On a full disk it can be listed, and removed to make room. It is found lost the next time, too.
    if (!(error instanceof EngineError && error.code === 'ERR_NO_SPACE')) throw error;
  }
  return { status: 'exited', ...exit };
}

/** Whoever was to start it died before the monitor was launched: it is what it was. */
async function restoreExit(
  context: ContainersContext,
  record: ContainerRecord,
): Promise<ContainerState | null> {
  const paths = context.store.paths(record.id);
  await rename(previousExit(paths), paths.exit);
  await removeTree(paths.runDir);
  return await observeLocked(context, record);
}

/** What a monitor was writing when it was killed. */
async function removeDrafts({ dir }: ContainerPaths): Promise<void> {
  const drafts = (await readdir(dir)).filter((name) => /^exit\.json\..{6}$/.test(name));
  await Promise.all(drafts.map((name) => rm(`${dir}/${name}`, { force: true })));
}

/**
 * What a monitor that was killed could not: nothing is left in the container's cgroup, nor of it, nor on its networks.
 * `group`: where it is, of a container without a record.
 */
export async function endTask(
  { networks }: Pick<ContainersContext, 'networks'>,
  container: string | ContainerRecord,
  group = typeof container === 'string' ? `strake/${container}` : cgroupOf(container),
): Promise<void> {
  const id = typeof container === 'string' ? container : container.id;
  await killCgroup(group).catch(ignoring('ENOENT'));
  await removeCgroup(group);
  await networks.release(id);
}

function lostStatus(stateFile: string): ExitStatus {
  const state = JSON.parse(readText(stateFile) ?? '{}') as { startedAt?: string };
  const now = new Date().toISOString();
  return {
    exitCode: 137,
    signal: 'SIGKILL',
    oomKilled: false,
    startedAt: state.startedAt ?? now,
    finishedAt: now,
    error: 'its monitor died (it was killed, or the machine went down), and the container with it',
  };
}

function readExit(path: string): ExitStatus | null {
  const json = readText(path);
  return json === null ? null : (JSON.parse(json) as ExitStatus);
}

/** Of most containers some are not there: an error with its stack takes longer than to ask first. */
function readText(path: string): string | null {
  if (!existsSync(path)) return null;
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return ignoring('ENOENT')(error);
  }
}
