import test from 'ava';
import {
  type ContainerState,
  type ContainerStatus,
  type ContainerVerb,
  can,
  requireState,
  transitions,
} from '../../lib/containers/state.ts';

const states: Readonly<Record<ContainerStatus, ContainerState>> = {
  created: { status: 'created' },
  running: { status: 'running', pid: 1, startedAt: '' },
  paused: { status: 'paused', pid: 1, startedAt: '' },
  restarting: {
    status: 'restarting',
    restartAt: '',
    exitCode: 1,
    oomKilled: false,
    startedAt: '',
    finishedAt: '',
  },
  exited: { status: 'exited', exitCode: 0, oomKilled: false, startedAt: '', finishedAt: '' },
};

const always = 'created running paused restarting exited';
const settled = 'created running paused exited';

const allowed: Readonly<Record<ContainerVerb, string>> = {
  start: 'created exited',
  stop: 'running paused restarting',
  kill: 'running paused restarting',
  pause: 'running',
  unpause: 'paused',
  exec: 'running',
  attach: 'running',
  top: 'running paused',
  remove: 'created exited',
  copy: settled,
  connect: settled,
  disconnect: settled,
  publish: settled,
  unpublish: settled,
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
};

for (const verb of Object.keys(transitions) as ContainerVerb[]) {
  for (const state of Object.values(states)) {
    const isAllowed = allowed[verb].split(' ').includes(state.status);
    test(`${verb} when ${state.status}: ${isAllowed ? 'allowed' : 'a conflict'}`, (t) => {
      t.is(can(verb, state), isAllowed);
      if (isAllowed) t.notThrows(() => requireState(verb, 'name', state));
      else
        t.throws(() => requireState(verb, 'name', state), {
          code: 'ERR_CONTAINER_STATE',
          message: /name.*; /,
        });
    });
  }
}

test('what has to come before an exec is told for each state', (t) => {
  const remedy = (state: ContainerState) =>
    t.throws(() => requireState('exec', 'web', state))?.message.replace(/.*; /, '');
  t.is(remedy(states.created), 'start it first');
  t.is(remedy(states.exited), 'start it first');
  t.is(remedy(states.paused), 'unpause it first');
  t.is(remedy(states.restarting), 'wait until it runs');
});
