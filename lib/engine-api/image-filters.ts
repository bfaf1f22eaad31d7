import type { ImageSummary } from '../images/index.ts';
import { matchesFamiliar } from '../reference/index.ts';
import { booleanFilter, type Filters, matchesLabels } from './filters.ts';
import { parseTimestamp } from './timestamps.ts';

/** Which images a list or a prune is about, and of which of their names. */
export interface ImageSelection {
  readonly matches: (image: ImageSummary) => boolean;
  /** Whether a name is among those that `reference` asks for. */
  readonly shows: (reference: string) => boolean;
}

/**
 * Docker's filters of images: `dangling`, `label`, `before`, `since`, `until` and `reference`; all of them must hold.
 * `createdAt` finds when an image of a name was made. @throws Refusal 400, and what `createdAt` rejects with
 */
export async function selectImages(
  filters: Filters,
  createdAt: (reference: string) => Promise<string | null>,
): Promise<ImageSelection> {
  const dangling = booleanFilter(filters, 'dangling');
  const timesOf = async (name: string) =>
    await Promise.all((filters.get(name) ?? []).map(async (reference) => timeOf(await createdAt(reference))));
  const until = (filters.get('until') ?? []).map((text) => Date.parse(parseTimestamp(text)));
  const [before, since] = [[...(await timesOf('before')), ...until], await timesOf('since')];
  const patterns = filters.get('reference') ?? [];
  const shows = (reference: string) =>
    patterns.length === 0 || patterns.some((pattern) => matchesFamiliar(reference, pattern));
  const matches = (image: ImageSummary) => {
    const made = timeOf(image.createdAt);
    return (
      (dangling === undefined || isDangling(image, dangling) === dangling) &&
      matchesLabels(image.labels, filters) &&
      before.every((limit) => made < limit) &&
      since.every((limit) => made > limit) &&
      (patterns.length === 0 || [...image.references, ...image.digests].some(shows))
    );
  };
  return { matches, shows };
}

/** What has a digest for a name, and no tag, is in both lists, as docker has it. */
function isDangling({ references, digests }: ImageSummary, asked: boolean): boolean {
  return references.length === 0 && (asked || digests.length === 0);
}

/** An image without a time is older than all others. */
function timeOf(text: string | null): number {
  const time = Date.parse(text ?? '');
  return Number.isNaN(time) ? Number.NEGATIVE_INFINITY : time;
}
