/**
 * Names of images: text to `ImageReference` and back, with the defaults of Docker Hub, by the grammar that every Docker
 * and OCI client shares. Values and pure functions; nothing here knows whether an image exists, or which host answers
 * for a registry's name.
 */
export { isRepositoryPath, isTag } from './grammar.ts';
export {
  familiarName,
  familiarRepository,
  formatReference,
  type ImageReference,
  pinReference,
  repositoryName,
  tagOrDigest,
} from './image-reference.ts';
export { matchesFamiliar } from './matches-familiar.ts';
export { parseReference } from './parse-reference.ts';
