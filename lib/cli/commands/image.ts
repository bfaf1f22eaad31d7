import { group } from '../subcommands.ts';

export const { define } = group({
  history: ['show how an image came to be', () => import('./history.ts')],
  inspect: ['show all about images, as JSON', () => import('./image-inspect.ts')],
  ls: ['list images', () => import('./images.ts')],
  prune: ['remove images that nothing uses', () => import('./image-prune.ts')],
  pull: ['download an image from a registry', () => import('./pull.ts')],
  push: ['store an image in a registry', () => import('./push.ts')],
  rm: ['remove images', () => import('./rmi.ts')],
  tag: ['give an image a further name', () => import('./tag.ts')],
});
