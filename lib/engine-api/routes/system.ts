import type { ApiRoute } from '../route.ts';

export const systemRoutes: readonly ApiRoute[] = [];
