import { diskUsage } from '../../bindings/files.ts';
import type { ContainersContext } from './context.ts';
import type { ContainerRecord } from './record.ts';
import { ignoring } from './store.ts';

/** Bytes on disk of what a container has written; 0 for one that is being made or removed. */
export async function containerSize(context: ContainersContext, record: ContainerRecord): Promise<number> {
  const { upper } = context.store.paths(record.id);
  const usage = await diskUsage(upper, await context.ids.namespace()).catch(ignoring('ENOENT'));
  return usage?.bytes ?? 0;
}
