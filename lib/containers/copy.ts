import { type CopyTree, openProcessRoot } from '../../bindings/copy.ts';
import type { NativeUserNamespace } from '../../bindings/user-namespace.ts';
import { EngineError } from '../errors/index.ts';
import { announce } from './announce.ts';
import { askedMounts } from './asked-mounts.ts';
import { imageLayers, mountSources } from './bundle.ts';
import type { CopyInOptions, CopyOutOptions, PathInfo } from './container.ts';
import { runningNamespace } from './container-ids.ts';
import type { ContainersContext } from './context.ts';
import { throwIfAborted } from './create.ts';
import { copyInto, copyOutOf, failedCall, rooted, statPathIn } from './file-tree.ts';
import { observe, observeLocked } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { existingRoot } from './root-mount.ts';
import type { SpecMount } from './spec-mounts.ts';
import type { ContainerState } from './state.ts';
import { requireState } from './state.ts';

/** What a path names in a container, as the container sees it. See Container.statPath. */
export async function statContainerPath(
  context: ContainersContext,
  record: ContainerRecord,
  path: string,
  options: { readonly followLink?: boolean } = {},
): Promise<PathInfo> {
  const info = await explaining(record, path, () =>
    inFiles(context, record, ({ tree, namespace }) => statPathIn(tree, path, options, namespace)),
  );
  return info ?? refuseMissing(record, path);
}

/** The tar of what a path names in a container. See Container.copyOut. */
export async function* copyOutOfContainer(
  context: ContainersContext,
  record: ContainerRecord,
  path: string,
  options: CopyOutOptions = {},
): AsyncGenerator<Uint8Array, void, undefined> {
  throwIfAborted(options.signal);
  await using files = await openFiles(context, record);
  try {
    yield* copyOutOf(files.tree, path, options, files.namespace);
    announce(context, record, 'archive-path', { path });
  } catch (error) {
    throw explain(record, path, error);
  }
}

/** Makes a tar's files in a directory of a container. See Container.copyIn. */
export async function copyIntoContainer(
  context: ContainersContext,
  record: ContainerRecord,
  path: string,
  tar: AsyncIterable<Uint8Array>,
  options: CopyInOptions = {},
): Promise<void> {
  throwIfAborted(options.signal);
  await explaining(record, path, () =>
    inFiles(context, record, ({ tree, namespace }) => copyInto(tree, path, tar, options, namespace)),
  );
  announce(context, record, 'extract-to-dir', { path });
}

interface OpenFiles extends AsyncDisposable {
  readonly tree: CopyTree;
  /** Whose ids its files are seen with. */
  readonly namespace: NativeUserNamespace | null;
}

async function inFiles<T>(
  context: ContainersContext,
  record: ContainerRecord,
  work: (files: OpenFiles) => Promise<T>,
): Promise<T> {
  await using files = await openFiles(context, record);
  return await work(files);
}

/** Of one that runs, the root of its process, with all that is mounted there; else its root is mounted for the occasion. */
async function openFiles(context: ContainersContext, record: ContainerRecord): Promise<OpenFiles> {
  for (;;) {
    const state = await observe(context, record);
    const files = isUp(state)
      ? await openRunning(context, record, state)
      : await openStopped(context, record);
    if (files !== null) return files;
  }
}

type Up = Extract<ContainerState, { status: 'running' | 'paused' }>;

function isUp(state: ContainerState | null): state is Up {
  return state?.status === 'running' || state?.status === 'paused';
}

/**
 * null: it has ended meanwhile. The process is the container's when the container still has it after its root was opened: its
 * number cannot have been given to another before.
 */
async function openRunning(
  context: ContainersContext,
  record: ContainerRecord,
  { pid, startedAt }: Up,
): Promise<OpenFiles | null> {
  const namespace = await runningNamespace(context, record);
  const root = openProcessRoot(pid);
  if (root === null) return null;
  const state = await observe(context, record);
  if (isUp(state) && state.pid === pid && state.startedAt === startedAt)
    return { tree: { fd: root.fd }, namespace, [Symbol.asyncDispose]: async () => root[Symbol.dispose]() };
  root[Symbol.dispose]();
  return null;
}

/** Nobody starts or removes it meanwhile. null: somebody has started it. */
async function openStopped(context: ContainersContext, record: ContainerRecord): Promise<OpenFiles | null> {
  const lock = await context.store.lock(record.id);
  try {
    const state = await observeLocked(context, record);
    if (isUp(state)) {
      lock[Symbol.dispose]();
      return null;
    }
    requireState('copy', record.name, state ?? { status: 'created' });
    const tree = await stoppedTree(context, record);
    const namespace = await context.ids.namespace();
    return { tree, namespace, [Symbol.asyncDispose]: async () => lock[Symbol.dispose]() };
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
}

/** With what is mounted in it as config.json has it: by this process, which sees files with the ids that they are stored with. */
async function stoppedTree(context: ContainersContext, record: ContainerRecord): Promise<CopyTree> {
  const mount = await existingRoot(context, record);
  const { spec, images = [] } = record;
  const volumes = (await mountSources(context, record)).map((volume) => ({ ...volume, idmap: null }));
  const mounts = askedMounts({ spec: { mounts: spec.mounts.map(unmapped) }, volumes, images, idMap: null })
    .filter(({ type }) => type !== 'tmpfs')
    .map(({ options = [], ...rest }) => ({
      ...rest,
      options: options.filter((word) => word !== 'tmpcopyup'),
    }));
  return {
    mount,
    hidden: mount.hidden ?? [],
    mounts,
    ...(await imageLayers(context, record)),
    readOnly: spec.readOnly,
  };
}

function unmapped(mount: SpecMount): SpecMount {
  return mount.type === 'bind' ? { ...mount, idmap: null } : mount;
}

async function explaining<T>(record: ContainerRecord, path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw explain(record, path, error);
  }
}

/** Docker's words for what its users know. */
function explain(record: ContainerRecord, path: string, error: unknown): unknown {
  const failed = failedCall(error);
  if (failed?.errno === 'EROFS') return readOnlyError(record, path, error);
  if (failed?.path !== rooted(path)) return error;
  if (failed.errno === 'ENOENT') return missingError(record, path, error);
  if (failed.errno !== 'ENOTDIR') return error;
  return new EngineError('ERR_COPY_TARGET_INVALID', `${path} in container ${record.name}: not a directory`, {
    cause: error,
    details: { container: record.name, path },
  });
}

function refuseMissing(record: ContainerRecord, path: string): never {
  throw missingError(record, path);
}

function missingError({ name }: ContainerRecord, path: string, cause?: unknown): EngineError {
  return new EngineError('ERR_PATH_NOT_FOUND', `Could not find the file ${path} in container ${name}`, {
    cause,
    details: { container: name, path },
  });
}

function readOnlyError({ name, spec, volumes }: ContainerRecord, path: string, cause: unknown): EngineError {
  const isBelow = ({ target }: { target: string }) => `${rooted(path)}/`.startsWith(`${target}/`);
  const what = [...spec.mounts, ...volumes].some(isBelow) ? 'mounted volume' : 'container rootfs';
  return new EngineError('ERR_PERMISSION', `${what} is marked read-only`, {
    cause,
    details: { container: name, path },
  });
}
