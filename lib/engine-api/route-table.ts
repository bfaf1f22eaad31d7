import { Router } from '../http/index.ts';
import type { Handler } from './exchange.ts';
import { type ApiRoute, patternOf } from './route.ts';
import { buildRoutes } from './routes/build.ts';
import { containerAttachRoutes } from './routes/container-attach.ts';
import { containerFilesRoutes } from './routes/container-files.ts';
import { containerLifecycleRoutes } from './routes/container-lifecycle.ts';
import { containerLogsRoutes } from './routes/container-logs.ts';
import { containerWatchRoutes } from './routes/container-watch.ts';
import { containersRoutes } from './routes/containers.ts';
import { distributionRoutes } from './routes/distribution.ts';
import { execRoutes } from './routes/exec.ts';
import { imagesRoutes } from './routes/images.ts';
import { networksRoutes } from './routes/networks.ts';
import { pingRoutes } from './routes/ping.ts';
import { pluginsRoutes } from './routes/plugins.ts';
import { swarmRoutes } from './routes/swarm.ts';
import { systemRoutes } from './routes/system.ts';
import { volumesRoutes } from './routes/volumes.ts';

/** All that is answered. The first that matches is taken: of one resource `/images/json` comes before `/images/{name...}/json`. */
export const apiRoutes: readonly ApiRoute[] = [
  ...pingRoutes,
  ...containersRoutes,
  ...containerLifecycleRoutes,
  ...containerAttachRoutes,
  ...containerLogsRoutes,
  ...containerFilesRoutes,
  ...containerWatchRoutes,
  ...execRoutes,
  ...systemRoutes,
  ...imagesRoutes,
  ...distributionRoutes,
  ...volumesRoutes,
  ...networksRoutes,
  ...buildRoutes,
  ...pluginsRoutes,
  ...swarmRoutes,
];

/** The same, to be asked. */
export function createApiRouter(): Router<Handler> {
  return new Router(
    apiRoutes.map(({ method, path, handler }) => ({ method, pattern: patternOf(path), handler })),
  );
}
