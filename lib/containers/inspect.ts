import { EngineError } from '../errors/index.ts';
import type { ContainerInfo } from './container.ts';
import type { ContainersContext } from './context.ts';
import { readHealth } from './health.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { containerHostname } from './runtime-config.ts';
import { commandLine, environment, workingDir } from './runtime-process.ts';
import type { ContainerSpec } from './spec.ts';
import type { SpecMount } from './spec-mounts.ts';
import type { ContainerState } from './state.ts';
import { stopSignalOf } from './stop-signal.ts';

/** All that is known of a container now. ERR_CONTAINER_NOT_FOUND when it has gone meanwhile. */
export async function inspectContainer(
  context: ContainersContext,
  known: ContainerRecord,
): Promise<ContainerInfo> {
  const record = (await context.store.read(known.id)) ?? known;
  const state = await observe(context, record);
  if (state !== null) return describe(context, record, state);
  throw new EngineError('ERR_CONTAINER_NOT_FOUND', `container ${record.name} has been removed`);
}

export function describe(
  context: ContainersContext,
  record: ContainerRecord,
  state: ContainerState,
): ContainerInfo {
  const { id, name, createdAt, image, spec } = record;
  const hostname = containerHostname(id, spec, context.host);
  return {
    id,
    name,
    image: image.reference,
    imageId: image.id,
    createdAt,
    argv: commandLine(spec, image.process),
    env: environment(spec, image.process, hostname),
    cwd: spec.cwd ?? workingDir(image.process),
    user: spec.user ?? image.process.user ?? '',
    state,
    labels: { ...image.process.labels, ...spec.labels },
    hostname,
    network: spec.network,
    ...connectionsOf(context, record),
    publishes: spec.ports,
    exposedPorts: [...new Set([...image.process.exposedPorts, ...spec.exposedPorts])],
    namespaces: spec.namespaces,
    cgroupParent: spec.cgroupParent,
    annotations: spec.annotations,
    capAdd: spec.capAdd,
    capDrop: spec.capDrop,
    security: securityOf(spec),
    devices: spec.devices,
    cdiDevices: spec.cdiDevices,
    sysctls: spec.sysctls,
    mounts: mountsOf(context, record),
    limits: spec.limits,
    tty: spec.tty,
    stdin: spec.stdin,
    privileged: spec.privileged,
    readOnly: spec.readOnly,
    autoRemove: spec.autoRemove,
    restart: spec.restart,
    health: readHealth(context.store.paths(id).runDir),
    platform: image.platform,
    stopSignal: stopSignalOf(record),
    log: spec.log,
    logPath: spec.log.driver === 'none' ? null : context.store.paths(id).log,
    spec,
    imageProcess: image.process,
  };
}

/** As its monitor has recorded them. */
function connectionsOf(
  { networks }: ContainersContext,
  { id, spec }: ContainerRecord,
): Pick<ContainerInfo, 'networks' | 'ports'> {
  const found = spec.networks.map(({ network, aliases }) => {
    const connection = networks.member(network, id);
    if (connection === null) return { name: network, connected: null, ports: [] };
    const { record, member } = connection;
    const { mac, addresses, ports } = member;
    const gateways = record.subnets.map(({ gateway }) => gateway);
    const connected = { id: record.id, interface: member.interface, mac, addresses, gateways, aliases };
    return { name: record.name, connected, ports };
  });
  return {
    networks: Object.fromEntries(found.map(({ name, connected }) => [name, connected])),
    ports: found.flatMap(({ ports }) => ports),
  };
}

function securityOf(spec: ContainerSpec): ContainerInfo['security'] {
  const { seccomp, noNewPrivileges, maskedPaths, readonlyPaths, apparmor, label, writableCgroups } = spec;
  return { seccomp, noNewPrivileges, maskedPaths, readonlyPaths, apparmor, label, writableCgroups };
}

function mountsOf(context: ContainersContext, { spec, volumes }: ContainerRecord): ContainerInfo['mounts'] {
  const isVisible = (mount: SpecMount) => mount.type !== 'volume';
  return [
    ...spec.mounts.filter(isVisible).map((mount) => ({
      type: mount.type,
      source: mount.type === 'bind' ? mount.source : mount.type === 'image' ? mount.image : '',
      target: mount.target,
      readOnly: mount.type === 'image' || (mount.type === 'bind' && mount.readOnly),
    })),
    ...volumes.map(({ name, target, readOnly }) => ({
      type: 'volume',
      source: context.volumes.path(name),
      target,
      readOnly,
      name,
    })),
  ];
}
