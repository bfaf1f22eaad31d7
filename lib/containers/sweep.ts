import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { lockFile } from '../../bindings/files.ts';
import { taskState } from '../runtime/index.ts';
import type { ContainersContext } from './context.ts';
import { parseDraftName } from './drafts.ts';
import { isAlive } from './owner.ts';
import { type ContainerRecord, parseRecord } from './record.ts';
import { finishRemoval } from './remove.ts';
import { type ContainerStore, ignoring, isId, parseRecordDraft, parseRemoved } from './store.ts';

/** What a process that died has left of containers that nobody can name. */
export type ContainerLeftover =
  /** A removal that was cut short. */
  | { readonly kind: 'removed'; readonly id: string; readonly entry: string; readonly volumes: boolean }
  /** A container in the making. */
  | { readonly kind: 'draft'; readonly id: string; readonly entry: string }
  /** A directory without a record: its monitor was killed while it removed it. */
  | { readonly kind: 'stray'; readonly id: string; readonly entry: string }
  | { readonly kind: 'record'; readonly id: string; readonly entry: string }
  | { readonly kind: 'run'; readonly id: string }
  | { readonly kind: 'name' | 'other-name'; readonly id: string; readonly name: string };

/** Puts in order what died in the middle of being made or removed. Many processes may do so at once. */
export async function sweepContainers(context: ContainersContext): Promise<void> {
  for (const leftover of await findLeftovers(context.store)) await sweepLeftover(context, leftover);
}

/**
 * Nothing is found that belongs to a living process, but for a removal that is going on: to take part in it does no harm.
 * A container is there before its run directory and its name, which are therefore read first.
 */
export async function findLeftovers(store: ContainerStore): Promise<ContainerLeftover[]> {
  const [runs, names] = await Promise.all([store.runs(), store.names()]);
  const holders = await Promise.all(names.map((name) => store.holderOf(name).catch(ignoring('EINVAL'))));
  const entries = await store.entries();
  const known = new Set([...entries, ...entries.flatMap((entry) => parseDraftName(entry)?.id ?? [])]);
  const found = await Promise.all([
    ...entries.map((entry) => leftoverOf(store, entry)),
    ...runs.filter((id) => !known.has(id)).map((id) => runOf(store, id)),
  ]);
  const stale = names.flatMap((name, at): ContainerLeftover[] => {
    const id = holders[at] ?? null;
    return id === null || known.has(id) ? [] : [{ kind: 'name', id, name }];
  });
  return [...found.flat(), ...stale];
}

/** Names that are reserved for one of these containers, which has another one: a rename was cut short. */
export async function findOtherNames(
  store: ContainerStore,
  records: readonly ContainerRecord[],
): Promise<(ContainerLeftover & { kind: 'other-name' })[]> {
  const byId = new Map(records.map(({ id, name }) => [id, name]));
  const found = (await store.names()).map(async (name) => {
    const id = (await store.holderOf(name).catch(ignoring('EINVAL'))) ?? '';
    return byId.has(id) && byId.get(id) !== name ? [{ kind: 'other-name', id, name } as const] : [];
  });
  return (await Promise.all(found)).flat();
}

async function leftoverOf(store: ContainerStore, entry: string): Promise<ContainerLeftover[]> {
  const removed = parseRemoved(entry);
  if (removed) return [{ kind: 'removed', entry, ...removed }];
  const draft = parseDraftName(entry);
  if (draft) return isAlive(draft.owner) ? [] : [{ kind: 'draft', id: draft.id, entry }];
  const written = parseRecordDraft(entry);
  if (written) return [{ kind: 'record', id: written, entry }];
  return isId(entry) && (await isStray(store, entry)) ? [{ kind: 'stray', id: entry, entry }] : [];
}

async function isStray(store: ContainerStore, id: string): Promise<boolean> {
  const { dir, record, runDir } = store.paths(id);
  if (store.isKnown(id) || isWritten(record)) return false;
  return existsSync(dir) && (await taskState(runDir)).status === 'dead';
}

/** A record that cannot be read is one: whoever asks for that container is told what is wrong with it. Synchronous: `ps` asks for each. */
function isWritten(record: string): boolean {
  try {
    const file = openSync(record, 'r');
    try {
      const first = Buffer.alloc(1);
      return readSync(file, first) === 1 && first[0] !== 0;
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return ignoring('ENOENT')(error) !== null;
  }
}

async function runOf(store: ContainerStore, id: string): Promise<ContainerLeftover[]> {
  const { dir, runDir } = store.paths(id);
  const isOver = (await taskState(runDir)).status === 'dead' && !existsSync(dir);
  return isOver ? [{ kind: 'run', id }] : [];
}

/** See sweepContainers. */
export async function sweepLeftover(context: ContainersContext, leftover: ContainerLeftover): Promise<void> {
  const { store } = context;
  const { id } = leftover;
  switch (leftover.kind) {
    case 'name':
      return await store.dropStaleName(leftover.name);
    case 'other-name':
      return await releaseOtherName(store, id, leftover.name);
    case 'record':
      return await removeRecordDraft(store, id, leftover.entry);
    case 'run':
      return await store.bury(id, `.removed-${id}`);
    case 'stray': {
      const entry = await store.hide(id, { volumes: false });
      return await store.bury(id, entry);
    }
    default:
      await sweepEntry(context, leftover);
  }
}

/** Whoever removes a container holds its lock, and needs nobody's hand. */
async function sweepEntry(
  context: ContainersContext,
  { id, entry, ...leftover }: ContainerLeftover & { kind: 'removed' | 'draft' },
): Promise<void> {
  const path = context.store.entryPath(entry);
  using lock = existsSync(`${path}/lock`) ? await tryLock(`${path}/lock`) : noLock;
  if (lock === null) return;
  const record = await readWhole(`${path}/record.json`);
  const volumes = leftover.kind === 'draft' || leftover.volumes;
  if (record === null) await context.store.bury(id, entry);
  else await finishRemoval(context, record, entry, { volumes });
}

/** Of what is gone, which nobody has to lock any more. */
const noLock: Disposable = { [Symbol.dispose]: () => undefined };

/** null: somebody has it. */
async function tryLock(path: string): Promise<Disposable | null> {
  try {
    const lock = await lockFile(path, { shared: false, wait: false });
    return lock && { [Symbol.dispose]: () => lock.release() };
  } catch (error) {
    return ignoring('ENOENT')(error) ?? noLock;
  }
}

/** Whoever writes a record holds the container's lock. */
async function removeRecordDraft(store: ContainerStore, id: string, entry: string): Promise<void> {
  using lock = await tryLock(store.paths(id).lock);
  if (lock !== null) await rm(store.entryPath(entry), { force: true });
}

/** Unless somebody is renaming it, who holds its lock. */
async function releaseOtherName(store: ContainerStore, id: string, name: string): Promise<void> {
  using lock = await tryLock(store.paths(id).lock);
  if (lock === null) return;
  const record = await store.read(id);
  if (record !== null && record.name !== name) await store.releaseName(name, id);
}

/** null: it was not written yet, or is gone. */
async function readWhole(path: string): Promise<ContainerRecord | null> {
  const json = await readFile(path, 'utf8').catch(ignoring('ENOENT'));
  try {
    return json === null ? null : parseRecord(json, path);
  } catch {
    return null;
  }
}
