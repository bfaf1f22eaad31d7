import type { ApiRoute } from '../route.ts';

export const buildRoutes: readonly ApiRoute[] = [];
