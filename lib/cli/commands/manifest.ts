import { group } from '../subcommands.ts';

export const { define } = group({
  annotate: ['say what an image of a list in the making is for', () => import('./manifest-annotate.ts')],
  create: ['make a list of images, to be pushed', () => import('./manifest-create.ts')],
  inspect: ['show a manifest or a list, as a registry has it', () => import('./manifest-inspect.ts')],
  push: ['store a list in its registry', () => import('./manifest-push.ts')],
  rm: ['delete lists in the making', () => import('./manifest-rm.ts')],
});
