import { arch, release } from 'node:os';
import { type Exchange, reply, replyJson } from '../exchange.ts';
import type { ApiRoute } from '../route.ts';
import { formatVersion, newestVersion, oldestVersion } from '../version.ts';
import { goArchitecture } from '../wire/architecture.ts';

/** Whether it is there, and what it is. */
export const pingRoutes: readonly ApiRoute[] = [
  { method: 'HEAD', path: '/_ping', summary: 'whether it answers', handler: ping },
  { method: 'GET', path: '/_ping', summary: 'whether it answers', handler: ping },
  { method: 'GET', path: '/version', summary: 'versions', handler: version },
];

async function ping(exchange: Exchange): Promise<void> {
  reply(
    exchange,
    200,
    {
      'content-type': 'text/plain; charset=utf-8',
      'cache-control': 'no-cache, no-store, must-revalidate',
      pragma: 'no-cache',
    },
    exchange.request.method === 'HEAD' ? '' : 'OK',
  );
}

async function version(exchange: Exchange): Promise<void> {
  const { version, node, native } = exchange.engine.system.version();
  const engine = {
    Version: version,
    ApiVersion: formatVersion(newestVersion),
    MinAPIVersion: formatVersion(oldestVersion),
    GitCommit: '',
    GoVersion: '',
    Os: 'linux',
    Arch: goArchitecture(arch()),
    KernelVersion: release(),
    BuildTime: '',
  };
  const { Version, ...details } = engine;
  const components = [
    { Name: 'Engine', Version, Details: { ...details, Experimental: 'false' } },
    { Name: 'node', Version: node, Details: {} },
    ...Object.entries(native).map(([Name, one]) => ({ Name, Version: one, Details: {} })),
  ];
  replyJson(exchange, { Platform: { Name: `strake ${version}` }, Components: components, ...engine });
}
