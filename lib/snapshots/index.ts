/**
 * Layers as something mountable: the Snapshotter contract and its implementation by directories. Emits mounts as data;
 * it never mounts, and knows nothing of registries, images or tar.
 */
export { directorySnapshotter } from './directory-snapshotter.ts';
export type {
  LayerIngest,
  LayerRecord,
  LayerTar,
  LayerVerdict,
  Snapshotter,
  StagedLayer,
} from './snapshotter.ts';
