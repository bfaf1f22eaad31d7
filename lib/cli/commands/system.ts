import { group } from '../subcommands.ts';

export const { define } = group({
  check: ['verify that all that is kept fits together, and repair it', () => import('./system-check.ts')],
  df: ['show what images, containers and volumes take on disk', () => import('./system-df.ts')],
  events: ['show what happens, as it happens', () => import('./events.ts')],
  info: ['show what this engine and this machine can do, and what would help', () => import('./info.ts')],
  'install-unit': [
    'write a systemd unit that starts what should run after a reboot',
    () => import('./system-install-unit.ts'),
  ],
  prune: ['remove all that is not in use', () => import('./system-prune.ts')],
  scrub: ['verify every layer and document bit for bit', () => import('./system-scrub.ts')],
  'start-restartable': [
    'after a reboot: start what should run by its restart policy',
    () => import('./system-start-restartable.ts'),
  ],
});
