/**
 * Docker's Engine API over an engine: routes by resource, Docker's JSON in wire/ and nowhere else, hijacked streams, versions.
 * It is one more client of the root: it keeps no state of containers, may die and be started again, and several may serve
 * one root. It has no rule of its own for what a container, image, volume or network is: whatever is refused is refused by them.
 */
export { endpointsTable, withEndpoints } from './endpoints-page.ts';
export { type EngineApi, type EngineApiOptions, openEngineApi } from './open-engine-api.ts';
export { apiRoutes } from './route-table.ts';
export { type ContainerSizes, containerDocument } from './wire/container-inspect.ts';
export { networkDocument } from './wire/network.ts';
