import { writeLayerDiff } from '../../bindings/layer.ts';
import { EngineError, isEngineError } from '../errors/index.ts';
import type { Image } from '../images/index.ts';
import type { Descriptor, ImageProcess } from '../oci/index.ts';
import { announce } from './announce.ts';
import { upperDirectory } from './changes.ts';
import type { CommitOptions } from './container.ts';
import type { ContainersContext } from './context.ts';
import { throwIfAborted } from './create.ts';
import { observe } from './observe.ts';
import { thisProcess } from './owner.ts';
import { pauseContainer } from './pause.ts';
import type { ContainerRecord } from './record.ts';
import { commandLine, mergeEnvironment } from './runtime-process.ts';
import { unpauseContainer } from './unpause.ts';

/**
 * Makes an image of a container: its image's layers, what it has changed as one more, and how it was asked to run. One
 * that runs stands still while its files are read, unless `pause` is false.
 */
export async function commitContainer(
  context: ContainersContext,
  record: ContainerRecord,
  options: CommitOptions = {},
): Promise<Image> {
  throwIfAborted(options.signal);
  const { pause = true, sourceDateEpoch, reference, changes, author, message, signal } = options;
  const upper = await upperDirectory(context, record);
  const image = await context.images.addLayer({
    base: await baseOf(context, record),
    reference,
    process: committedProcess(record),
    ...(changes && { changes }),
    author,
    comment: message,
    createdBy: commandLine(record.spec, record.image.process).join(' '),
    created: createdAt(sourceDateEpoch),
    writeLayer: (output) =>
      standingStill(context, record, pause, () =>
        writeLayerDiff({
          ...upper,
          output,
          ...(sourceDateEpoch !== undefined && { latest: sourceDateEpoch }),
        }),
      ),
    signal,
  });
  announce(context, record, 'commit', { imageID: image.id, ...(message && { comment: message }) });
  return image;
}

async function baseOf({ images }: ContainersContext, { name, image }: ContainerRecord): Promise<Descriptor> {
  if (image.manifest) return image.manifest;
  if (image.id !== null) return (await images.inspect(image.id)).manifest;
  throw new EngineError(
    'ERR_CONTAINER_STATE',
    `cannot commit container ${name}: it has no image but runs from ${image.reference}; export it and import that`,
    { details: { container: name, verb: 'commit' } },
  );
}

/** Neither started nor removed meanwhile; one that was paused already stays so. */
async function standingStill<T>(
  context: ContainersContext,
  record: ContainerRecord,
  pause: boolean,
  action: () => Promise<T>,
): Promise<T> {
  const running = (await observe(context, record))?.status === 'running';
  if (!running || !pause) {
    using _lock = await context.store.lock(record.id);
    return await action();
  }
  await pauseContainer(context, record, thisProcess()).catch(explainPause);
  try {
    return await action();
  } finally {
    await unpauseContainer(context, record).catch(ended);
  }
}

/** An ordinary user may have no cgroup to freeze it with. */
function explainPause(error: unknown): never {
  if (!isEngineError(error, 'ERR_CGROUP_CONTROLLER_MISSING')) throw error;
  throw new EngineError(
    error.code,
    `${error.message}, or commit it while it runs, with --pause=false (pause: false)`,
    { cause: error, details: { ...error.details, verb: 'commit' } },
  );
}

/** It was killed while it stood still. */
function ended(error: unknown): void {
  const code = error instanceof EngineError ? error.code : undefined;
  if (code !== 'ERR_CONTAINER_STATE' && code !== 'ERR_CONTAINER_NOT_FOUND') throw error;
}

/** The image's process with what the container was asked for in its place, as docker keeps a container's configuration. */
function committedProcess({ spec, image, volumes }: ContainerRecord): ImageProcess {
  const { process } = image;
  const entrypoint = spec.entrypoint ?? process.entrypoint;
  const [user, workingDir] = [spec.user ?? process.user, spec.cwd ?? process.workingDir];
  const stopSignal = spec.stopSignal ?? process.stopSignal;
  const anonymous = volumes.filter((volume) => volume.anonymous).map(({ target }) => target);
  return {
    ...process,
    env: mergeEnvironment(process.env, spec.env),
    entrypoint,
    cmd: commandLine(spec, process).slice(entrypoint.length),
    labels: { ...process.labels, ...spec.labels },
    volumes: [...new Set([...process.volumes, ...anonymous])],
    ...(user && { user }),
    ...(workingDir && { workingDir }),
    ...(stopSignal && { stopSignal }),
  };
}

function createdAt(sourceDateEpoch: number | undefined): string {
  return (sourceDateEpoch === undefined ? new Date() : new Date(sourceDateEpoch * 1000)).toISOString();
}
