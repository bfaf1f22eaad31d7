/**
 * Layers as something mountable: the Snapshotter contract and its implementation by overlayfs above directories and EROFS. Emits mounts as data;
 * it never mounts, and knows nothing of registries, images or tar.
 */
export type { LayerForm } from './layer-committer.ts';
export { directorySnapshotter, erofsSnapshotter, openSnapshotter } from './overlay-snapshotter.ts';
export type {
  LayerIngest,
  LayerRecord,
  LayerTar,
  LayerVerdict,
  Snapshotter,
  StagedLayer,
} from './snapshotter.ts';
export { type SurveyedLayer, surveyLayers } from './survey-layers.ts';
