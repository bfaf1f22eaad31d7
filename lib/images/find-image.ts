import { EngineError } from '../errors/index.ts';
import { type Digest, digestHex } from '../oci/index.ts';
import { formatReference, parseReference, pinReference } from '../reference/index.ts';
import type { ImageName, NameStore } from './name-store.ts';

/** What a text stands for: one name, or an image by its id with all the names it has. */
export type FoundImage =
  | { readonly by: 'name'; readonly name: ImageName }
  | { readonly by: 'id'; readonly id: Digest; readonly names: readonly [ImageName, ...ImageName[]] };

/**
 * Finds what a person calls an image, in Docker's order: a whole id, a name, the beginning of an id.
 * @throws EngineError ERR_IMAGE_NOT_FOUND, ERR_IMAGE_AMBIGUOUS, ERR_REFERENCE_INVALID
 */
export async function findImage(store: NameStore, text: string): Promise<FoundImage> {
  const digits = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(text)?.[1];
  const name = digits?.length === 64 ? undefined : await store.read(canonical(text, digits !== undefined));
  if (name) return { by: 'name', name };
  const names = digits === undefined ? [] : await namesOfId(store, digits);
  const ids = [...new Set(names.map(({ config }) => config.digest))];
  if (ids.length > 1) throw ambiguous(text, ids);
  const [first, ...rest] = names;
  if (first === undefined) throw notFound(text);
  return { by: 'id', id: first.config.digest, names: [first, ...rest] };
}

/** All names of one image. */
export async function namesOfImage(store: NameStore, id: Digest): Promise<ImageName[]> {
  return (await store.list()).filter(({ config }) => config.digest === id);
}

async function namesOfId(store: NameStore, digits: string): Promise<ImageName[]> {
  return (await store.list()).filter(({ config }) => digestHex(config.digest).startsWith(digits));
}

/** The name under which the store would have it. What looks like an id need not be a name. */
function canonical(text: string, maybeId: boolean): string {
  try {
    const reference = parseReference(text);
    return formatReference(reference.digest ? pinReference(reference, reference.digest) : reference);
  } catch (error) {
    if (maybeId) return text;
    throw error;
  }
}

function notFound(text: string): EngineError {
  return new EngineError(
    'ERR_IMAGE_NOT_FOUND',
    `there is no image ${text} here: pull it, or list those that are`,
    {
      details: { reference: text },
    },
  );
}

function ambiguous(text: string, ids: readonly Digest[]): EngineError {
  return new EngineError(
    'ERR_IMAGE_AMBIGUOUS',
    `${text} is the beginning of ${ids.length} ids: ${ids.map((id) => digestHex(id).slice(0, 16)).join(', ')}; write more digits`,
    { details: { reference: text, ids } },
  );
}
