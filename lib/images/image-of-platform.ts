import type { BlobStore } from '../content/index.ts';
import { EngineError } from '../errors/index.ts';
import { formatPlatform, matchesPlatform, parsePlatform } from '../oci/index.ts';
import { findImage, namesOfImage } from './find-image.ts';
import type { ImageLoader } from './image-loader.ts';
import { localImage } from './local-documents.ts';
import type { ImageName, NameStore } from './name-store.ts';

/** What finding the image of a platform takes. */
export interface PlatformStores {
  readonly names: NameStore;
  readonly blobs: BlobStore;
  readonly loader: ImageLoader;
}

/**
 * Of what a name or an id stands for the image of one platform, by a name that it has here: the same one, or that of its
 * manifest's digest.
 * @throws EngineError ERR_PLATFORM_NOT_FOUND, ERR_PLATFORM_INVALID, ERR_IMAGE_NOT_FOUND, ERR_IMAGE_AMBIGUOUS
 */
export async function imageOfPlatform(
  stores: PlatformStores,
  text: string,
  platform: string,
): Promise<ImageName> {
  const found = await findImage(stores.names, text);
  return nameOfPlatform(stores, found.by === 'name' ? found.name : found.names[0], platform);
}

/** The same of a name. */
export async function nameOfPlatform(
  { names, blobs, loader }: PlatformStores,
  name: ImageName,
  platform: string,
): Promise<ImageName> {
  const wanted = parsePlatform(platform);
  if (matchesPlatform((await loader.load(name)).config.platform, wanted)) return name;
  const { documents } = await localImage(blobs, name, wanted);
  const [other] = await namesOfImage(names, documents.configDescriptor.digest);
  if (other !== undefined) return other;
  throw new EngineError(
    'ERR_PLATFORM_NOT_FOUND',
    `${name.reference} is not here for ${formatPlatform(wanted)}: pull it first, with --platform ${formatPlatform(wanted)}`,
    { details: { reference: name.reference, platform: formatPlatform(wanted) } },
  );
}
