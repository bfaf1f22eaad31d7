import { algorithmOf, type ContentDigest, hexOf } from './content-digest.ts';
import type { RepositoryName, TagName } from './repository-name.ts';

/**
 * What the keys of a registry's storage are. Content stands once, by its digest; a repository has links to it, and nobody
 * reads content but through a link.
 *
 *     blobs/sha256/ab/abcd…                      the bytes of blobs and manifests
 *     repositories/NAME/blobs/DIGEST             that the repository has the blob, and its size
 *     repositories/NAME/manifests/DIGEST         that it has the manifest: media type, size, what it is about
 *     repositories/NAME/tags/TAG                 a digest
 *     repositories/NAME/referrers/SUBJECT/DIGEST a descriptor of what refers to SUBJECT
 *     repositories/NAME/mirror                   of which upstream it is a part
 *
 * NAME has "+" for "/", which no name has: so the list of repositories is one folder.
 */
export const blobsFolder = 'blobs';
export const repositoriesFolder = 'repositories';

export function blobKey(digest: ContentDigest): string {
  const hex = hexOf(digest);
  return `${blobsFolder}/${algorithmOf(digest)}/${hex.slice(0, 2)}/${hex}`;
}

export function repositoryFolder(name: RepositoryName): string {
  return `${repositoriesFolder}/${name.replaceAll('/', '+')}`;
}

/** The name of a folder below `repositories`. */
export function nameOfFolder(folder: string): RepositoryName {
  return folder.replaceAll('+', '/') as RepositoryName;
}

export function blobLinks(name: RepositoryName): string {
  return `${repositoryFolder(name)}/blobs`;
}

export function manifestLinks(name: RepositoryName): string {
  return `${repositoryFolder(name)}/manifests`;
}

export function tagLinks(name: RepositoryName): string {
  return `${repositoryFolder(name)}/tags`;
}

/** What is there says that a repository is a mirror, of which not everything need be here. */
export function mirrorKey(name: RepositoryName): string {
  return `${repositoryFolder(name)}/mirror`;
}

export function tagKey(name: RepositoryName, tag: TagName): string {
  return `${tagLinks(name)}/${tag}`;
}

export function referrerLinks(name: RepositoryName, subject: ContentDigest): string {
  return `${repositoryFolder(name)}/referrers/${subject}`;
}
