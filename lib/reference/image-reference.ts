import type { Digest } from '../oci/index.ts';

/**
 * The full name of an image: where it is kept and which one it is. Made by `parseReference` only, so every part obeys
 * the grammar. At least one of `tag` and `digest` is there; with both the digest decides and the tag is a remark.
 */
export interface ImageReference {
  /** Host and port of the registry as people write it: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly domain: string;
  /** Path of the repository within it: `library/ubuntu`. */
  readonly path: string;
  readonly tag?: string;
  readonly digest?: Digest;
}

export const defaultDomain = 'docker.io';
export const officialPath = 'library/';

/** Docker's rule for the component before the first slash: a registry, or the beginning of a path on Docker Hub. */
export function looksLikeDomain(component: string): boolean {
  return component === 'localhost' || /[.:A-Z]/.test(component);
}

/** `docker.io/library/ubuntu`: the repository's full name. */
export function repositoryName(reference: ImageReference): string {
  return `${reference.domain}/${reference.path}`;
}

/** `docker.io/library/ubuntu:latest`: the full name, from which `parseReference` makes the same reference. */
export function formatReference(reference: ImageReference): string {
  return repositoryName(reference) + suffix(reference);
}

/**
 * `ubuntu:latest`: the name as Docker shows it, without what stands for Docker Hub. Parsing it makes the same reference.
 */
export function familiarName(reference: ImageReference): string {
  return familiarRepository(reference) + suffix(reference);
}

/** `ubuntu`: the repository as Docker shows it. */
export function familiarRepository(reference: ImageReference): string {
  const { domain, path } = reference;
  const [first = '', ...rest] = path.split('/');
  if (domain !== defaultDomain) return repositoryName(reference);
  if (first === 'library' && rest.length === 1) return rest.join('/');
  return looksLikeDomain(first) ? repositoryName(reference) : path;
}

/** The reference without its tag, pinned to content. */
export function pinReference(reference: ImageReference, digest: Digest): ImageReference {
  return { domain: reference.domain, path: reference.path, digest };
}

/** What a registry is asked for: the digest when there is one, otherwise the tag. */
export function tagOrDigest(reference: ImageReference): string {
  return reference.digest ?? reference.tag ?? 'latest';
}

function suffix({ tag, digest }: ImageReference): string {
  return (tag === undefined ? '' : `:${tag}`) + (digest === undefined ? '' : `@${digest}`);
}
