import { realpath, stat } from 'node:fs/promises';
import { EngineError, isEngineError } from '../errors/index.ts';
import type { Image } from '../images/index.ts';
import { formatPlatform, hostPlatform, matchesPlatform, noProcess, parsePlatform } from '../oci/index.ts';
import type { ContainersContext } from './context.ts';
import type { RecordedImage } from './record.ts';
import type { ContainerSpec } from './spec.ts';

/**
 * What stands below a container: `@host` this machine's root, `@/dir` a directory, else an image, pulled as `spec.pull`
 * says. @throws EngineError ERR_IMAGE_NOT_FOUND, ERR_REFERENCE_INVALID, and what a pull fails with
 */
export async function resolveImage(
  context: ContainersContext,
  reference: string,
  spec: ContainerSpec,
  signal?: AbortSignal,
): Promise<RecordedImage> {
  if (reference.startsWith('@')) return await resolveDirectory(reference);
  return recorded(reference, await obtainImage(context, reference, spec, signal));
}

async function resolveDirectory(reference: string): Promise<RecordedImage> {
  return {
    reference,
    id: null,
    chainId: null,
    directory: await directoryOf(reference),
    process: noProcess,
    platform: formatPlatform(hostPlatform()),
  };
}

async function directoryOf(reference: string): Promise<string> {
  if (reference === '@host') return '/';
  if (!reference.startsWith('@/')) {
    throw new EngineError(
      'ERR_REFERENCE_INVALID',
      `invalid image ${reference}: write @host for this machine's root file system, or @ and an absolute directory: @/srv/root`,
    );
  }
  const path = reference.slice(1);
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (isDirectory) return await realpath(path);
  throw new EngineError('ERR_IMAGE_NOT_FOUND', `there is no directory ${path} to run ${reference} from`, {
    details: { path },
  });
}

async function obtainImage(
  { images }: ContainersContext,
  reference: string,
  spec: ContainerSpec,
  signal: AbortSignal | undefined,
): Promise<Image> {
  const local = spec.pull === 'always' ? null : await images.inspect(reference).catch(absent);
  if (local !== null && suits(local, spec)) return local;
  if (spec.pull === 'never') {
    throw new EngineError(
      'ERR_IMAGE_NOT_FOUND',
      `image ${reference} is not here${spec.platform ? ` for ${spec.platform}` : ''}: pull it, or allow pulling`,
      { details: { reference } },
    );
  }
  return await images.pull(reference, {
    ...(spec.platform !== null && { platform: spec.platform }),
    ...(signal && { signal }),
  });
}

function absent(error: unknown): null {
  if (isEngineError(error, 'ERR_IMAGE_NOT_FOUND')) return null;
  throw error;
}

function suits(image: Image, spec: ContainerSpec): boolean {
  return spec.platform === null || matchesPlatform(image.platform, parsePlatform(spec.platform));
}

function recorded(reference: string, image: Image): RecordedImage {
  return {
    reference,
    id: image.id,
    manifest: image.manifest,
    chainId: image.chainId,
    directory: null,
    process: image.config.process,
    platform: formatPlatform(image.platform),
  };
}
