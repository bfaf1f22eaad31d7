import type { ApiRoute } from '../route.ts';

export const networksRoutes: readonly ApiRoute[] = [];
