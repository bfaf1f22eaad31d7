import type { ApiRoute } from '../route.ts';

export const imagesRoutes: readonly ApiRoute[] = [];
