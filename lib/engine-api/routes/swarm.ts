import { Refusal } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';

/** docker's words, which its clients show. */
const noManager =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

type Row = readonly [method: ApiRoute['method'], path: string, summary: string];

const rows: readonly Row[] = [
  ['GET', '/swarm', 'the swarm'],
  ['POST', '/swarm/init', 'makes a swarm'],
  ['POST', '/swarm/join', 'joins a swarm'],
  ['POST', '/swarm/update', 'changes the swarm'],
  ['GET', '/swarm/unlockkey', 'the key of the swarm'],
  ['POST', '/swarm/unlock', 'unlocks a manager'],
  ['GET', '/nodes', 'nodes'],
  ['GET', '/nodes/{id}', 'one node'],
  ['DELETE', '/nodes/{id}', 'removes a node'],
  ['POST', '/nodes/{id}/update', 'changes a node'],
  ['GET', '/services', 'services'],
  ['POST', '/services/create', 'makes a service'],
  ['GET', '/services/{id}', 'one service'],
  ['DELETE', '/services/{id}', 'removes a service'],
  ['POST', '/services/{id}/update', 'changes a service'],
  ['GET', '/services/{id}/logs', 'logs of a service'],
  ['GET', '/tasks', 'tasks'],
  ['GET', '/tasks/{id}', 'one task'],
  ['GET', '/tasks/{id}/logs', 'logs of a task'],
  ['GET', '/secrets', 'secrets'],
  ['POST', '/secrets/create', 'makes a secret'],
  ['GET', '/secrets/{id}', 'one secret'],
  ['DELETE', '/secrets/{id}', 'removes a secret'],
  ['POST', '/secrets/{id}/update', 'changes a secret'],
  ['GET', '/configs', 'configs'],
  ['POST', '/configs/create', 'makes a config'],
  ['GET', '/configs/{id}', 'one config'],
  ['DELETE', '/configs/{id}', 'removes a config'],
  ['POST', '/configs/{id}/update', 'changes a config'],
];

/** Swarm, as a node answers that is no manager of one. */
export const swarmRoutes: readonly ApiRoute[] = [
  ...rows.map(([method, path, summary]) => ({
    method,
    path,
    summary,
    note: '503: no swarm manager',
    handler: refuse(noManager),
  })),
  {
    method: 'POST',
    path: '/swarm/leave',
    summary: 'leaves the swarm',
    note: '503: in no swarm',
    handler: refuse('This node is not part of a swarm'),
  },
];

function refuse(message: string): ApiRoute['handler'] {
  return async () => {
    throw new Refusal(503, message);
  };
}
