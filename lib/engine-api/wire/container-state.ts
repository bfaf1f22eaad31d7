import { formatDuration } from '../../age/index.ts';
import type { ContainerInfo, ContainerState } from '../../containers/index.ts';
import { zeroTime } from './times.ts';

/** docker's State of a container. */
export function stateDocument({ state, health }: Pick<ContainerInfo, 'state' | 'health'>) {
  const isUp = state.status === 'running' || state.status === 'paused';
  const hasEnded = state.status === 'exited' || state.status === 'restarting';
  return {
    Status: state.status,
    Running: isUp || state.status === 'restarting',
    Paused: state.status === 'paused',
    Restarting: state.status === 'restarting',
    OOMKilled: hasEnded && state.oomKilled,
    Dead: false,
    Pid: isUp ? state.pid : 0,
    ExitCode: hasEnded ? state.exitCode : 0,
    Error: (hasEnded && state.error) || '',
    StartedAt: state.status === 'created' ? zeroTime : state.startedAt,
    FinishedAt: hasEnded ? state.finishedAt : zeroTime,
    ...(health && { Health: healthDocument(health) }),
  };
}

/** By its restart policy, since it was started. */
export function restartsOf(state: ContainerState): number {
  return state.status === 'created' ? 0 : (state.restarts ?? 0);
}

function healthDocument({ status, failingStreak, log }: NonNullable<ContainerInfo['health']>) {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Log: log.map(({ start, end, exitCode, output }) => ({
      Start: start,
      End: end,
      ExitCode: exitCode,
      Output: output,
    })),
  };
}

const healthText = { starting: 'health: starting', healthy: 'healthy', unhealthy: 'unhealthy' };

/** What `docker ps` shows as STATUS, which the server says. */
export function statusText({ state, health }: Pick<ContainerInfo, 'state' | 'health'>): string {
  switch (state.status) {
    case 'created':
      return 'Created';
    case 'running':
      return `Up ${since(state.startedAt)}${health ? ` (${healthText[health.status]})` : ''}`;
    case 'paused':
      return `Up ${since(state.startedAt)} (Paused)`;
    case 'restarting':
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case 'exited':
      return `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

function since(time: string): string {
  return formatDuration(Date.now() - new Date(time).getTime());
}
