import type { Digest } from '../oci/index.ts';
import { parseReference, repositoryName } from '../reference/index.ts';

/**
 * Under what an image without a name is kept in the name store: one that was loaded, imported or committed without a name,
 * or that lost its last to another image (`<none>` in Docker's listing). No reference can be written so, hence it is
 * found by its id alone.
 */
export function namelessReference(manifest: Digest): string {
  return `${none}@${manifest}`;
}

/** Whether a name in the store is one of those, which nobody has given. */
export function isNameless(reference: string): boolean {
  return reference.startsWith(`${none}@`);
}

/** The repository of a name in the store; `<none>` for an image without a name. */
export function repositoryOfName(reference: string): string {
  return isNameless(reference) ? none : repositoryName(parseReference(reference));
}

/** The tag of a name in the store; undefined for a name by digest, and for an image without a name. */
export function tagOfName(reference: string): string | undefined {
  return isNameless(reference) ? undefined : parseReference(reference).tag;
}

const none = '<none>';
