import { readFile } from 'node:fs/promises';
import { writeFileAtomic } from '../../bindings/files.ts';
import { EngineError, isEngineError } from '../errors/index.ts';
import type { EndpointDescription, NetworkRecord } from '../network/index.ts';
import { reloadTask, type TaskDescription } from '../runtime/index.ts';
import { Undo } from '../undo/index.ts';
import type { ContainersContext } from './context.ts';
import { networkFiles, updateEtcFiles } from './live-etc-files.ts';
import { describe, networkEvents } from './network-task.ts';
import { observeLocked } from './observe.ts';
import type { NetworkOption, PortOption } from './options.ts';
import type { ContainerRecord } from './record.ts';
import { containerHostname } from './runtime-config.ts';
import type { ContainerSpec } from './spec.ts';
import { isOnNetworks, parsePort, parseRequest, type SpecPort } from './spec-network.ts';
import { requireState } from './state.ts';
import { ignoring } from './store.ts';

/**
 * Connects a container with one more network, at once when it runs and at every start to come. ERR_NETWORK_NOT_FOUND,
 * ERR_CONTAINER_STATE when it is on it already, or has no network of its own; and as a start.
 */
export async function connectContainer(
  context: ContainersContext,
  record: ContainerRecord,
  option: NetworkOption,
): Promise<void> {
  refuseOrdinaryUser(context);
  const request = parseRequest(option);
  const { result, isRunning } = await changeNetwork(
    context,
    record,
    'connect',
    async (spec, before, undo) => {
      if (!isOnNetworks(spec)) throw notConnectable(record.name, spec.network);
      const found = await context.networks.find(request.network);
      const { id: networkId, name: network } = found;
      if (spec.networks.some((one) => one.network === network || one.network === networkId))
        throw new EngineError(
          'ERR_CONTAINER_STATE',
          `container ${record.name} is on network ${network} already`,
        );
      const networks = [...spec.networks, request];
      const changed = { ...spec, networks, network: networks[0]?.network ?? spec.network };
      if (before === null) return { spec: changed, result: found };
      const hostname = containerHostname(record.id, spec, context.host);
      const joining = { id: record.id, name: record.name, hostname };
      const made = await context.networks.join(joining, [request], before, undo);
      return {
        spec: changed,
        endpoints: [...before, ...made.map(({ description }) => description)],
        result: found,
      };
    },
  );
  if (isRunning) announceNetwork(context, record, result, 'connect'); // else at its start
}

/** The other way round. ERR_NETWORK_NOT_FOUND, ERR_CONTAINER_STATE when it is not on it. */
export async function disconnectContainer(
  context: ContainersContext,
  record: ContainerRecord,
  asked: string,
): Promise<void> {
  refuseOrdinaryUser(context);
  const { result } = await changeNetwork(context, record, 'disconnect', async (spec, before) => {
    if (spec.networks.length === 0) throw notConnected(record.name, asked);
    const found = await context.networks.find(asked);
    const { id: networkId, name: network } = found;
    const networks = spec.networks.filter((one) => one.network !== network && one.network !== networkId);
    if (networks.length === spec.networks.length) throw notConnected(record.name, network);
    const changed = { ...spec, networks, network: networks[0]?.network ?? spec.network };
    if (before === null) return { spec: changed, result: found };
    const directory = `${context.networks.directory}/${networkId}`;
    const left = before.filter((endpoint) => endpoint.network !== directory);
    return { spec: changed, endpoints: context.networks.route(left), result: found };
  });
  await context.networks.leave(result.id, record.id);
  announceNetwork(context, record, result, 'disconnect');
}

/** Publishes ports, at once when it runs. ERR_PORT_IN_USE, ERR_PORT_ADDRESS_MISSING, ERR_CONTAINER_STATE. */
export async function publishPort(
  context: ContainersContext,
  record: ContainerRecord,
  option: PortOption,
): Promise<void> {
  const ports = parsePort(option);
  await changeNetwork(context, record, 'publish', async (spec, before) => {
    if (!isOnNetworks(spec)) throw notConnectable(record.name, spec.network);
    const added = ports.filter((port) => !spec.ports.some((one) => isSame(one, port)));
    return {
      spec: { ...spec, ports: [...spec.ports, ...added] },
      ...(before && { endpoints: before }),
      result: undefined,
    };
  });
}

/** Takes back what has been published of a port of the container: all of it, or what is of that port of the host. */
export async function unpublishPort(
  context: ContainersContext,
  record: ContainerRecord,
  option: PortOption,
): Promise<void> {
  const unwanted = parsePort(option);
  await changeNetwork(context, record, 'unpublish', async (spec, before) => {
    const goes = (port: SpecPort) =>
      unwanted.some(
        (one) =>
          one.containerPort === port.containerPort &&
          one.protocol === port.protocol &&
          (one.hostPort === 0 || one.hostPort === port.hostPort) &&
          (one.hostIp === '' || one.hostIp === port.hostIp),
      );
    const ports = spec.ports.filter((port) => !goes(port));
    if (ports.length === spec.ports.length)
      throw new EngineError(
        'ERR_CONTAINER_STATE',
        `container ${record.name} does not publish port ${option.containerPort}: \`strake port ${record.name}\` lists what it does`,
      );
    return { spec: { ...spec, ports }, ...(before && { endpoints: before }), result: undefined };
  });
}

/** Others on its networks find a running container by its new name, and no more by the old one. */
export async function renameEndpoints(
  context: ContainersContext,
  record: ContainerRecord,
  oldName: string,
): Promise<void> {
  const { runDir } = context.store.paths(record.id);
  const json = await readFile(`${runDir}/task.json`, 'utf8').catch(ignoring('ENOENT'));
  const task = json === null ? null : (JSON.parse(json) as TaskDescription);
  if (!task?.network) return;
  const endpoints = task.network.endpoints.map((endpoint) => ({
    ...endpoint,
    names: endpoint.names.map((name) => (name === oldName ? record.name : name)),
  }));
  const network = { ...task.network, name: record.name, endpoints };
  await writeFileAtomic(`${runDir}/task.json`, JSON.stringify({ ...task, network }), {
    mode: 0o600,
    durable: false,
  });
  await reloadTask(runDir).catch((error: unknown) => {
    if (!isEngineError(error, 'ERR_CONTAINER_STATE')) throw error; // it does not run: its next start finds the name
  });
}

function refuseOrdinaryUser({ ids }: ContainersContext): void {
  if (ids.map === null) return;
  throw new EngineError(
    'ERR_NETWORK_NOT_AVAILABLE',
    'an ordinary user’s container has the one network that it was made with: its ports can be changed (strake port add|rm)',
  );
}

type Change<Result> = (
  spec: ContainerSpec,
  before: readonly EndpointDescription[] | null,
  undo: Undo,
) => Promise<{ spec: ContainerSpec; endpoints?: readonly EndpointDescription[]; result: Result }>;

/** In the record when the monitor, if there is one, has done it. Answers whether the container runs, too. */
async function changeNetwork<Result>(
  context: ContainersContext,
  { id }: ContainerRecord,
  verb: 'connect' | 'disconnect' | 'publish' | 'unpublish',
  change: Change<Result>,
): Promise<{ result: Result; isRunning: boolean }> {
  using _lock = await context.store.lock(id);
  const record = await context.store.read(id);
  const state = record && (await observeLocked(context, record));
  if (record === null || state === null)
    throw new EngineError('ERR_CONTAINER_NOT_FOUND', `container ${id.slice(0, 12)} has been removed`);
  requireState(verb, record.name, state);
  await using undo = new Undo();
  const { runDir } = context.store.paths(id);
  const isRunning = state.status === 'running' || state.status === 'paused';
  const path = `${runDir}/task.json`;
  const task = isRunning ? (JSON.parse(await readFile(path, 'utf8')) as TaskDescription) : null;
  const { spec, endpoints, result } = await change(
    record.spec,
    task?.network?.endpoints ?? (isRunning ? [] : null),
    undo,
  );
  const changed = { ...record, spec };
  if (task !== null && endpoints !== undefined) {
    const write = (changedTask: TaskDescription) =>
      writeFileAtomic(path, JSON.stringify(changedTask), { mode: 0o600, durable: false });
    undo.add(async () => {
      await write(task);
      await reloadTask(runDir).catch(() => undefined); // a monitor that is gone has nothing to take back
    });
    const network = describe(context, changed, endpoints);
    const events = task.events && { ...task.events, networks: networkEvents(context, id, endpoints) };
    await write({ ...task, network, ...(events && { events }) });
    await reloadTask(runDir);
    const files = [
      networkFiles(context, record, task.network?.endpoints ?? []),
      networkFiles(context, changed, endpoints),
    ] as const;
    updateEtcFiles(runDir, ...files);
  }
  await context.store.write(changed);
  undo.commit();
  return { result, isRunning };
}

function isSame(one: SpecPort, other: SpecPort): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

function notConnected(name: string, network: string): EngineError {
  return new EngineError('ERR_CONTAINER_STATE', `container ${name} is not on network ${network}`);
}

function notConnectable(name: string, network: string): EngineError {
  return new EngineError(
    'ERR_CONTAINER_STATE',
    `container ${name} has the network ${network} and cannot be on others: make it with --network NAME`,
    { details: { container: name, network } },
  );
}

function announceNetwork(
  { events }: ContainersContext,
  record: ContainerRecord,
  { id, name, driver }: NetworkRecord,
  action: 'connect' | 'disconnect',
): void {
  const attributes = { container: record.id, name, type: driver };
  events.emit({ type: 'network', action, id, attributes });
}
