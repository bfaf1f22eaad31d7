import type { ApiRoute } from '../route.ts';

export const distributionRoutes: readonly ApiRoute[] = [];
