import {
  type Descriptor,
  isImageConfigType,
  maxImageConfigSize,
  type Platform,
  parseImageConfig,
  parseManifest,
} from '../oci/index.ts';
import { parseReference } from '../reference/index.ts';
import {
  openRemoteRepository,
  type RemoteRepository,
  type RepositoryOptions,
} from '../registry-client/index.ts';
import type { DescribedImage } from './registries.ts';

/** See Registries.describe. Attestations, whose platform is unknown, are no images. */
export async function describeImage(text: string, options: RepositoryOptions): Promise<DescribedImage> {
  await using repository = openRemoteRepository(parseReference(text), options);
  const { descriptor, bytes } = await repository.resolve();
  const document = parseManifest(bytes, descriptor.mediaType);
  if (document.kind === 'manifest')
    return { descriptor, platforms: await platformsOf(repository, document.config) };
  const platforms = document.manifests.flatMap(({ platform }) => (platform ? [platform] : []));
  return { descriptor, platforms: platforms.filter(({ os }) => os !== 'unknown') };
}

/** None of what is no image. */
async function platformsOf(repository: RemoteRepository, config: Descriptor): Promise<Platform[]> {
  if (!isImageConfigType(config.mediaType)) return [];
  const bytes = await repository.fetchBytes(config, { limit: maxImageConfigSize });
  return [parseImageConfig(bytes).platform];
}
