import { group } from '../subcommands.ts';

export const { define } = group({
  connect: ['connect a container with a network', () => import('./network-connect.ts')],
  create: ['make a network', () => import('./network-create.ts')],
  disconnect: ['disconnect a container from a network', () => import('./network-disconnect.ts')],
  inspect: ['show all about networks, as JSON', () => import('./network-inspect.ts')],
  ls: ['list networks', () => import('./network-ls.ts')],
  prune: ['remove networks that no container has', () => import('./network-prune.ts')],
  reload: ['make rules anew that others have removed', () => import('./network-reload.ts')],
  rm: ['remove networks', () => import('./network-rm.ts')],
});
