import { group } from '../subcommands.ts';

export const { define } = group({
  attach: ["connect to a running container's stdio", () => import('./attach.ts')],
  commit: ['make an image of a container', () => import('./commit.ts')],
  create: ['make a container without starting it', () => import('./create.ts')],
  diff: ['list what a container has changed', () => import('./diff.ts')],
  exec: ['run a command in a running container', () => import('./exec.ts')],
  export: ["write a container's root file system as a tar", () => import('./export.ts')],
  inspect: ['show all about containers, as JSON', () => import('./container-inspect.ts')],
  kill: ['send a signal to running containers', () => import('./kill.ts')],
  logs: ['show what a container wrote', () => import('./logs.ts')],
  ls: ['list containers', () => import('./ps.ts')],
  pause: ['freeze running containers', () => import('./pause.ts')],
  prune: ['remove containers that do not run', () => import('./container-prune.ts')],
  rm: ['remove containers', () => import('./rm.ts')],
  run: ['run a command in a new container', () => import('./run.ts')],
  start: ['start containers that are stopped', () => import('./start.ts')],
  stop: ['stop running containers', () => import('./stop.ts')],
  unpause: ['thaw paused containers', () => import('./unpause.ts')],
  wait: ['wait until containers end, print their exit codes', () => import('./wait.ts')],
});
