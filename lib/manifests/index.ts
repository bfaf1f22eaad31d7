/**
 * Manifest lists in the making: which images of registries an index is to list, kept as drafts until they are pushed; and
 * the manifests that registries have, as they are. It keeps no image, and knows nothing of layers but how they are copied.
 */
export {
  type AnnotatedPlatform,
  type InspectedManifest,
  type ManifestLists,
  openManifestLists,
  type PushedList,
} from './manifest-lists.ts';
