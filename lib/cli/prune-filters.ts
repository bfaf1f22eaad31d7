import type { ContainerInfo } from '../containers/index.ts';
import type { ImageSummary } from '../images/index.ts';
import { parseImageFilters } from './image-filters.ts';

/** --filter of the prunes: `until` and `label`, of containers and of images alike. @throws as parseImageFilters */
export async function parsePruneFilters(
  texts: readonly string[],
): Promise<(thing: ContainerInfo | ImageSummary) => boolean> {
  const test = await parseImageFilters(texts, ['until', 'label']);
  return ({ id, createdAt, labels }) => test({ ...nothing, id: id as ImageSummary['id'], createdAt, labels });
}

const nothing = { references: [], digests: [], platform: { os: 'linux', architecture: '' }, size: 0 };
