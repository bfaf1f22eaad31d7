import { group } from '../subcommands.ts';

export const { define } = group({
  copy: ['copy an image between registries, layouts, archives and this store', () => import('./copy.ts')],
  history: ['show how an image came to be', () => import('./history.ts')],
  import: ["make an image of a root file system's tar", () => import('./import.ts')],
  inspect: ['show all about images, as JSON', () => import('./image-inspect.ts')],
  load: ['load images from an archive, or from stdin', () => import('./load.ts')],
  ls: ['list images', () => import('./images.ts'), ['list']],
  prune: ['remove images that nothing uses', () => import('./image-prune.ts')],
  pull: ['download an image from a registry', () => import('./pull.ts')],
  push: ['store an image in a registry', () => import('./push.ts')],
  rm: ['remove images', () => import('./rmi.ts'), ['remove']],
  save: ['write images to an archive', () => import('./save.ts')],
  tag: ['give an image a further name', () => import('./tag.ts')],
});
