import { group } from '../subcommands.ts';

export const { define } = group({
  create: ['make a volume', () => import('./volume-create.ts')],
  inspect: ['show all about volumes, as JSON', () => import('./volume-inspect.ts')],
  ls: ['list volumes', () => import('./volume-ls.ts'), ['list']],
  prune: ['remove volumes that no container has', () => import('./volume-prune.ts')],
  rm: ['remove volumes', () => import('./volume-rm.ts'), ['remove']],
});
