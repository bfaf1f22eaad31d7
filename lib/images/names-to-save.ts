import type { Digest } from '../oci/index.ts';
import { formatReference, parseReference, repositoryName } from '../reference/index.ts';
import { findImage } from './find-image.ts';
import type { ImageName, NameStore } from './name-store.ts';
import { namelessReference, repositoryOfName, tagOfName } from './nameless.ts';

/** An image that is to be saved, with the names that it is to have there. */
export interface SavedImage {
  readonly name: ImageName;
  /** Canonical, with tags. */
  readonly references: readonly string[];
}

/**
 * What texts stand for, by docker's rules: a name with a tag for itself, a repository alone for all of its tags (or for
 * `latest`, if it has none), an id for the image without a name. Each image once, in the order in which it is first named.
 * @throws EngineError ERR_IMAGE_NOT_FOUND, ERR_IMAGE_AMBIGUOUS, ERR_REFERENCE_INVALID, ERR_INVALID_ARGUMENT
 */
export async function namesToSave(store: NameStore, texts: readonly string[]): Promise<SavedImage[]> {
  const found = new Map<Digest, { name: ImageName; references: Set<string> }>();
  for (const text of texts) {
    for (const name of await namesOf(store, text)) {
      const image = found.get(name.manifest.digest) ?? { name, references: new Set() };
      found.set(name.manifest.digest, image);
      if (tagOfName(name.reference) !== undefined) image.references.add(name.reference);
    }
  }
  return [...found.values()].map(({ name, references }) => ({ name, references: [...references] }));
}

async function namesOf(store: NameStore, text: string): Promise<ImageName[]> {
  const tags = await tagsOfRepository(store, text);
  if (tags.length > 0) return tags;
  const found = await findImage(store, text);
  if (found.by === 'name') return [found.name];
  const [name] = found.names;
  return [{ ...name, reference: namelessReference(name.manifest.digest) }];
}

/** None when the text has a tag or a digest, or is no name at all. */
async function tagsOfRepository(store: NameStore, text: string): Promise<ImageName[]> {
  const repository = bareRepository(text);
  if (repository === undefined) return [];
  const names = await store.list();
  return names
    .filter(
      ({ reference }) => repositoryOfName(reference) === repository && tagOfName(reference) !== undefined,
    )
    .sort((left, right) => left.reference.localeCompare(right.reference));
}

function bareRepository(text: string): string | undefined {
  try {
    const repository = repositoryName(parseReference(text));
    return formatReference(parseReference(`${text}:x`)) === `${repository}:x` ? repository : undefined;
  } catch {
    return undefined;
  }
}
