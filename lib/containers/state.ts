import { EngineError } from '../errors/index.ts';

/** How a container's command ended. */
export interface ExitStatus {
  /** 128+n after a signal. */
  readonly exitCode: number;
  readonly signal?: string;
  readonly oomKilled: boolean;
  /** RFC 3339 with nanoseconds. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** By its restart policy, before it ended. */
  readonly restarts?: number;
  /** Why it could not start or was lost, for people. */
  readonly error?: string;
}

/** What a container is doing, with what is known only then. */
export type ContainerState =
  | { readonly status: 'created' }
  | ({ readonly status: 'running' } & RunningProcess)
  | ({ readonly status: 'paused' } & RunningProcess)
  /** It has ended, and its monitor starts it again at `restartAt` (RFC 3339), by its restart policy. */
  | ({ readonly status: 'restarting'; readonly restartAt: string } & ExitStatus)
  | ({ readonly status: 'exited' } & ExitStatus);

interface RunningProcess {
  readonly pid: number;
  readonly startedAt: string;
  /** By its restart policy, since it was started. */
  readonly restarts?: number;
}

/** The name of a state. */
export type ContainerStatus = ContainerState['status'];
/** What can be done to a container, as far as its state matters. */
export type ContainerVerb =
  | 'start'
  | 'stop'
  | 'kill'
  | 'pause'
  | 'unpause'
  | 'exec'
  | 'attach'
  | 'top'
  | 'remove'
  | 'restart'
  | 'rename'
  | 'update'
  | 'commit'
  | 'copy'
  | 'connect'
  | 'disconnect'
  | 'publish'
  | 'unpublish'
  | ReadingVerb;

/** What leaves a container as it is, and so may be done whatever that is. */
type ReadingVerb = 'inspect' | 'wait' | 'logs' | 'stats' | 'execs' | 'changes' | 'size' | 'export';

const always: readonly ContainerStatus[] = ['created', 'running', 'paused', 'restarting', 'exited'];

/** Not between two runs: the monitor may be reading its task. */
const settled: readonly ContainerStatus[] = ['created', 'running', 'paused', 'exited'];

/** The one table of what may happen to a container when. What it does not list is a conflict. */
export const transitions: Readonly<Record<ContainerVerb, readonly ContainerStatus[]>> = {
  start: ['created', 'exited'],
  stop: ['running', 'paused', 'restarting'],
  kill: ['running', 'paused', 'restarting'],
  pause: ['running'],
  unpause: ['paused'],
  exec: ['running'],
  attach: ['running'],
  top: ['running', 'paused'],
  remove: ['created', 'exited'],
  restart: always,
  rename: always,
  update: always,
  commit: always,
  inspect: always,
  wait: always,
  logs: always,
  stats: always,
  execs: always,
  changes: always,
  size: always,
  export: always,
  copy: settled,
  connect: settled,
  disconnect: settled,
  publish: settled,
  unpublish: settled,
};

const untilItRuns = 'wait until it runs, or stop it';

/** For the verbs that not every state allows. */
const remedies: Readonly<Partial<Record<ContainerVerb, string>>> = {
  start: 'it is running already',
  stop: 'it is not running',
  kill: 'it is not running',
  pause: 'only a running container can be paused',
  unpause: 'it is not paused',
  exec: 'start it first',
  attach: 'start it first',
  top: 'it has no processes, start it first',
  remove: 'stop it first, or remove it by force',
  copy: untilItRuns,
  connect: untilItRuns,
  disconnect: untilItRuns,
  publish: untilItRuns,
  unpublish: untilItRuns,
};

function remedyOf(verb: ContainerVerb, { status }: ContainerState): string {
  const wantsProcess = verb === 'exec' || verb === 'attach';
  if (verb === 'start' && status === 'paused') return 'unpause it instead';
  if (wantsProcess && status === 'paused') return 'unpause it first';
  if (wantsProcess && status === 'restarting') return 'wait until it runs';
  return remedies[verb] ?? 'wait until it is not';
}

/** Whether the table allows it. */
export function can(verb: ContainerVerb, state: ContainerState): boolean {
  return transitions[verb].includes(state.status);
}

/** Throws ERR_CONTAINER_STATE, before any effect, when the table does not allow `verb`. */
export function requireState(verb: ContainerVerb, name: string, state: ContainerState): void {
  if (can(verb, state)) return;
  throw new EngineError(
    'ERR_CONTAINER_STATE',
    `cannot ${verb} container ${name}: it is ${state.status}; ${remedyOf(verb, state)}`,
    {
      details: { container: name, status: state.status, verb },
    },
  );
}
