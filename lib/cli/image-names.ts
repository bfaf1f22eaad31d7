import type { Images } from '../images/index.ts';

/** As people write it: without docker.io/ and library/. */
export function familiar(reference: string): string {
  return reference.replace(/^docker\.io\/(library\/)?/, '');
}

/** Repository and tag of a name in the store. */
export function splitName(reference: string): readonly [string, string] {
  const name = familiar(reference);
  const colon = name.lastIndexOf(':');
  return colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, '<none>'];
}

/** Repository and tag of all names of an image; of one that has digests alone their repositories. */
export function listedNames(image: {
  readonly references: readonly string[];
  readonly digests: readonly string[];
}): (readonly [string, string])[] {
  const { references, digests } = image;
  if (references.length > 0) return references.map(splitName);
  const repositories = new Set(digests.map((digest) => familiar(digest).replace(/@.*$/, '')));
  if (repositories.size === 0) return [['<none>', '<none>']];
  return [...repositories].map((repository) => [repository, '<none>']);
}

/** The first twelve digits of an id. */
export function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}

/** What a command is to take for a name: with --platform the image of that platform, by its id. */
export async function onPlatform(
  images: Pick<Images, 'idOfPlatform'>,
  name: string,
  platform: string | undefined,
): Promise<string> {
  return platform === undefined ? name : await images.idOfPlatform(name, platform);
}
