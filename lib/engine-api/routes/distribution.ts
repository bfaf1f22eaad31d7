import { type Exchange, parameter, replyJson } from '../exchange.ts';
import { registryAuth } from '../registry-auth.ts';
import type { ApiRoute } from '../route.ts';

export const distributionRoutes: readonly ApiRoute[] = [
  {
    method: 'GET',
    path: '/distribution/{name...}/json',
    summary: 'what a registry has under a name',
    handler: inspect,
  },
];

async function inspect(exchange: Exchange): Promise<void> {
  const { engine, request, signal } = exchange;
  const credentials = registryAuth(request);
  const { descriptor, platforms } = await engine.registries.describe(parameter(exchange, 'name'), {
    credentials,
    signal,
  });
  const { mediaType, digest, size } = descriptor;
  replyJson(exchange, {
    Descriptor: { mediaType, digest, size },
    Platforms: platforms.map(({ architecture, os, osVersion, variant }) => ({
      architecture,
      os,
      ...(osVersion && { 'os.version': osVersion }),
      ...(variant && { variant }),
    })),
  });
}
