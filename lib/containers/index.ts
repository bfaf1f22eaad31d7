/**
 * Containers: what they are made of (spec), what is kept of them (record, store), what state they are in, and one
 * file for each verb. The pure merge of image, spec and host into an OCI config.json is runtime-config.ts. This
 * room asks images for a root file system and runtime to run it; it knows no registry, no docker wire type and no
 * system call.
 */
export type * from './container.ts';
export type { ContainersContext, UserNamespaceDefaults } from './context.ts';
export { hostFacts } from './host-facts.ts';
export { hostFiles } from './host-files.ts';
export { parseContainerName } from './names.ts';
export { findNetworkUses, needsAddresses } from './network-uses.ts';
export { endTask, needsHealing, observe } from './observe.ts';
export { openContainers } from './open-containers.ts';
export type * from './options.ts';
export { isProcessAlive } from './owner.ts';
export { type ContainerRecord, parseRecord } from './record.ts';
export { startsAfterReboot } from './restart-policy.ts';
export type { SpecLimits } from './spec-limits.ts';
export { parseUserNamespace } from './spec-user-namespace.ts';
export type { ContainerState, ContainerStatus, ContainerVerb, ExitStatus } from './state.ts';
export { type ContainerPaths, ContainerStore, isId } from './store.ts';
export { type ContainerLeftover, findLeftovers, findOtherNames, sweepLeftover } from './sweep.ts';
export { findVolumeUses } from './volume-uses.ts';
