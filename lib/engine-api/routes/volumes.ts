import type { ApiRoute } from '../route.ts';

export const volumesRoutes: readonly ApiRoute[] = [];
