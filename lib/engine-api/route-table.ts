import { Router } from '../http/index.ts';
import type { Handler } from './exchange.ts';
import { type ApiRoute, patternOf } from './route.ts';
import { buildRoutes } from './routes/build.ts';
import { distributionRoutes } from './routes/distribution.ts';
import { imagesRoutes } from './routes/images.ts';
import { networksRoutes } from './routes/networks.ts';
import { pingRoutes } from './routes/ping.ts';
import { swarmRoutes } from './routes/swarm.ts';
import { systemRoutes } from './routes/system.ts';
import { volumesRoutes } from './routes/volumes.ts';

/** All that is answered. The first that matches is taken: of one resource `/images/json` comes before `/images/{name...}/json`. */
export const apiRoutes: readonly ApiRoute[] = [
  ...pingRoutes,
  ...systemRoutes,
  ...imagesRoutes,
  ...distributionRoutes,
  ...volumesRoutes,
  ...networksRoutes,
  ...buildRoutes,
  ...swarmRoutes,
];

/** The same, to be asked. */
export function createApiRouter(): Router<Handler> {
  return new Router(
    apiRoutes.map(({ method, path, handler }) => ({ method, pattern: patternOf(path), handler })),
  );
}
