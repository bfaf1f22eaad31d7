import { group } from '../subcommands.ts';

export const { define } = group({
  collect: ['remove what nothing in a registry refers to', () => import('./registry-collect.ts')],
  grant: [
    'let somebody do something with some repositories, or list who may what',
    () => import('./registry-grant.ts'),
  ],
  robot: ['make, list and remove the accounts of programs', () => import('./registry-robot.ts')],
  scrub: ['verify all that a registry has', () => import('./registry-scrub.ts')],
  serve: ['serve a registry', () => import('./registry-serve.ts')],
  user: ['make, list and remove users', () => import('./registry-user.ts')],
});
