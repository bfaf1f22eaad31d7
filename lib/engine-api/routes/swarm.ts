import type { ApiRoute } from '../route.ts';

export const swarmRoutes: readonly ApiRoute[] = [];
