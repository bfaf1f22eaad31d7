import { EngineError } from '../errors/index.ts';
import { Undo } from '../undo/index.ts';
import { announce } from './announce.ts';
import { renameEndpoints } from './connect.ts';
import type { ContainersContext } from './context.ts';
import { parseContainerName } from './names.ts';
import { observeLocked } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { requireState } from './state.ts';
import { tellMonitor } from './tell-monitor.ts';

/**
 * Gives it another name, whatever it is doing; its hostname stays. The new name is reserved before the record says it, and
 * the old one is free after that: a crash in between leaves a container that has one of the two.
 * ERR_CONTAINER_NAME_INVALID, ERR_CONTAINER_NAME_IN_USE.
 */
export async function renameContainer(
  context: ContainersContext,
  { id }: ContainerRecord,
  newName: string,
): Promise<ContainerRecord> {
  const name = parseContainerName(newName);
  using _lock = await context.store.lock(id);
  const record = await context.store.read(id);
  if (record === null) throw new EngineError('ERR_CONTAINER_NOT_FOUND', `container ${id} has been removed`);
  requireState('rename', record.name, (await observeLocked(context, record)) ?? { status: 'created' });
  await using undo = new Undo();
  await context.store.reserveName(name, id);
  undo.add(() => context.store.releaseName(name, id));
  const renamed = { ...record, name, spec: { ...record.spec, name } };
  await context.store.write(renamed);
  undo.commit();
  await context.store.releaseName(record.name, id);
  await tellMonitor(context, renamed);
  await renameEndpoints(context, renamed, record.name);
  announce(context, renamed, 'rename', { oldName: record.name });
  return renamed;
}
