import { Socket } from 'node:net';
import { readTree } from '../../bindings/archive.ts';
import { EngineError } from '../errors/index.ts';
import type { Mount } from '../mount/index.ts';
import { announce } from './announce.ts';
import type { ContainersContext } from './context.ts';
import { throwIfAborted } from './create.ts';
import type { ContainerRecord } from './record.ts';
import { existingRoot } from './root-mount.ts';

/**
 * Everything that the container sees below `/` as a tar, without what is mounted there (volumes, /proc): read through a
 * mount that nobody else has, whether or not it runs. See Containers.export.
 */
export async function* exportContainer(
  context: ContainersContext,
  record: ContainerRecord,
  { signal }: { readonly signal?: AbortSignal | undefined } = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  throwIfAborted(signal);
  const mount = await existingRoot(context, record);
  const hidden = (mount.hidden ?? []).map(withoutSlashes);
  const { fd, written } = readTree(readOnly(mount), hidden, await context.ids.namespace());
  const pipe = new Socket({ fd, readable: true, writable: false, ...(signal && { signal }) });
  // Whoever leaves early closes the pipe, and the writer then ends with EPIPE.
  written.catch(() => undefined);
  try {
    yield* pipe;
    await written;
    announce(context, record, 'export');
  } catch (error) {
    if (!signal?.aborted) throw error;
    throw new EngineError('ERR_ABORTED', `the export of ${record.name} was aborted`, {
      cause: signal.reason,
    });
  } finally {
    pipe.destroy();
  }
}

/** A container that runs has its upper directory mounted writable; here it is one more layer. */
function readOnly(mount: Mount): Mount {
  if (mount.type === 'directory' || mount.upper === undefined) return mount;
  const { userxattr } = mount;
  return {
    type: 'overlay',
    lower: [{ directory: mount.upper }, ...mount.lower],
    ...(userxattr && { userxattr }),
  };
}

function withoutSlashes(path: string): string {
  return path.replace(/^\/+|\/+$/g, '');
}
