import { type Exchange, parameter, replyJson } from '../exchange.ts';
import { parseFilters } from '../filters.ts';
import { Refusal } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';

/** Plugins, of which there are none: drivers are part of this engine. */
export const pluginsRoutes: readonly ApiRoute[] = [
  { method: 'GET', path: '/plugins', summary: 'plugins', note: 'always none', handler: list },
  ...refused('GET', '/plugins/privileges', 'what a plugin asks for'),
  ...refused('POST', '/plugins/pull', 'installs a plugin'),
  ...refused('POST', '/plugins/create', 'makes a plugin'),
  ...unknown('GET', '/plugins/{name...}/json', 'one plugin'),
  ...unknown('POST', '/plugins/{name...}/enable', 'turns a plugin on'),
  ...unknown('POST', '/plugins/{name...}/disable', 'turns a plugin off'),
  ...unknown('POST', '/plugins/{name...}/upgrade', 'upgrades a plugin'),
  ...unknown('POST', '/plugins/{name...}/push', 'pushes a plugin'),
  ...unknown('POST', '/plugins/{name...}/set', 'sets up a plugin'),
  ...unknown('DELETE', '/plugins/{name...}', 'removes a plugin'),
];

async function list(exchange: Exchange): Promise<void> {
  parseFilters(exchange.query, ['capability', 'enabled']);
  replyJson(exchange, []);
}

function refused(method: ApiRoute['method'], path: string, summary: string): ApiRoute[] {
  const handler = async () => {
    throw new Refusal(
      500,
      'plugins are not supported: drivers of volumes and networks are part of this engine',
    );
  };
  return [{ method, path, summary, note: '500: there are no plugins', handler }];
}

function unknown(method: ApiRoute['method'], path: string, summary: string): ApiRoute[] {
  const handler = async (exchange: Exchange) => {
    throw new Refusal(404, `plugin "${parameter(exchange, 'name').slice(0, 200)}" not found`);
  };
  return [{ method, path, summary, note: '404: there are no plugins', handler }];
}
