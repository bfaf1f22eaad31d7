import type { Container, ContainerState, ExitStatus } from '../../containers/index.ts';
import { isEngineError } from '../../errors/index.ts';
import { connectSessions } from '../attach-session.ts';
import { messageOf } from '../error-response.ts';
import { type Exchange, parameter, reply, replyJson, replyNothing } from '../exchange.ts';
import { matchesLabels, parseFilters } from '../filters.ts';
import { readJsonBody } from '../json-body.ts';
import { Fields } from '../json-fields.ts';
import { badRequest, Refusal } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';
import { parseTimestamp } from '../timestamps.ts';
import { selectionOf } from '../waiting-sessions.ts';
import { updateOptions } from '../wire/container-update.ts';

/** What is done to containers. */
export const containerLifecycleRoutes: readonly ApiRoute[] = [
  { method: 'POST', path: '/containers/{id}/start', summary: 'start a container', handler: start },
  { method: 'POST', path: '/containers/{id}/stop', summary: 'stop a container', handler: stop },
  {
    method: 'POST',
    path: '/containers/{id}/restart',
    summary: 'stop and start a container',
    handler: restart,
  },
  { method: 'POST', path: '/containers/{id}/kill', summary: 'send a container a signal', handler: kill },
  { method: 'POST', path: '/containers/{id}/pause', summary: 'freeze a container', handler: pause },
  { method: 'POST', path: '/containers/{id}/unpause', summary: 'thaw a container', handler: unpause },
  {
    method: 'POST',
    path: '/containers/{id}/rename',
    summary: 'give a container another name',
    handler: rename,
  },
  {
    method: 'POST',
    path: '/containers/{id}/update',
    summary: "change a container's limits",
    handler: update,
  },
  { method: 'POST', path: '/containers/{id}/wait', summary: 'wait until a container ends', handler: wait },
  {
    method: 'POST',
    path: '/containers/{id}/resize',
    summary: "resize a container's terminal",
    handler: resize,
  },
  { method: 'DELETE', path: '/containers/{id}', summary: 'remove a container', handler: remove },
  { method: 'POST', path: '/containers/prune', summary: 'remove containers that do not run', handler: prune },
];

/** Clients that have attached before hear it from its first byte. */
async function start(exchange: Exchange): Promise<void> {
  const { api, query } = exchange;
  if (query.has('checkpoint') && query.text('checkpoint') !== '')
    throw new Refusal(501, 'checkpoints are not available');
  const container = await find(exchange);
  const status = await statusOf(container);
  if (status === 'running' || status === 'restarting') return reply(exchange, 304);
  if (status === 'paused') throw new Refusal(409, 'cannot start a paused container, try unpause instead');
  const sessions = api.waiting.take(container.id);
  try {
    const attach = sessions.length > 0 ? selectionOf(sessions) : false;
    const terminal = api.consoleSizes.get(container.id);
    const { attachment } = await container.start({ attach, ...(terminal && { terminal }) });
    api.consoleSizes.delete(container.id);
    if (attachment) void connectSessions(attachment, sessions);
    else for (const { output } of sessions) output.end();
    replyNothing(exchange);
  } catch (error) {
    for (const session of sessions) api.waiting.putBack(container.id, session);
    if (isEngineError(error, 'ERR_CONTAINER_STATE') && (await statusOf(container)) === 'running')
      return reply(exchange, 304);
    await removeIfAsked(container);
    throw error;
  }
}

/** As docker: what was to be removed at its end is not left by a start that fails. */
async function removeIfAsked(container: Container): Promise<void> {
  const info = await container.inspect().catch(() => undefined);
  if (info?.autoRemove) await container.remove({ force: true, volumes: true }).catch(() => undefined);
}

async function stop(exchange: Exchange): Promise<void> {
  const container = await find(exchange);
  if (!isUp(await statusOf(container))) return reply(exchange, 304);
  try {
    await container.stop(stopOptions(exchange));
  } catch (error) {
    if (!isEngineError(error, 'ERR_CONTAINER_STATE')) throw error;
    return reply(exchange, 304); // it has just ended
  }
  replyNothing(exchange);
}

async function restart(exchange: Exchange): Promise<void> {
  await (await find(exchange)).restart(stopOptions(exchange));
  replyNothing(exchange);
}

/** `t`: seconds, -1 for ever. */
function stopOptions({ query }: Exchange) {
  const timeout = query.integer('t');
  const stopSignal = query.optional('signal');
  return {
    ...(timeout !== undefined && { timeout: Math.max(-1, timeout) }),
    ...(stopSignal && { stopSignal }),
  };
}

async function kill(exchange: Exchange): Promise<void> {
  const container = await find(exchange);
  await container.kill(exchange.query.optional('signal') ?? 'SIGKILL');
  replyNothing(exchange);
}

async function pause(exchange: Exchange): Promise<void> {
  await (await find(exchange)).pause();
  replyNothing(exchange);
}

async function unpause(exchange: Exchange): Promise<void> {
  await (await find(exchange)).unpause();
  replyNothing(exchange);
}

async function rename(exchange: Exchange): Promise<void> {
  const name = exchange.query.optional('name');
  if (name === undefined) throw badRequest('Neither old nor new names may be empty');
  const container = await find(exchange);
  if (name.replace(/^\//, '') === (await container.inspect()).name)
    throw badRequest('Renaming a container with the same name as its current name');
  await container.rename(name);
  replyNothing(exchange);
}

async function update(exchange: Exchange): Promise<void> {
  const options = updateOptions(new Fields(await readJsonBody(exchange)));
  await (await find(exchange)).update(options);
  replyJson(exchange, { Warnings: [] });
}

/** The head of the answer goes out at once: clients wait for it before they start the container. */
async function wait(exchange: Exchange): Promise<void> {
  const { query, response, signal } = exchange;
  const condition = conditionOf(query.text('condition'));
  const container = await find(exchange);
  const ended = container.wait({ condition, signal });
  response.writeHead(200, { 'content-type': 'application/json' });
  response.flushHeaders();
  const document = await ended.then(exitDocument, (error: unknown) => failedWait(error, condition));
  response.end(`${JSON.stringify(document)}\n`);
}

function conditionOf(text: string): 'not-running' | 'next-exit' | 'removed' {
  if (text === '') return 'not-running';
  if (text === 'not-running' || text === 'next-exit' || text === 'removed') return text;
  throw badRequest(`invalid condition: ${JSON.stringify(text.slice(0, 100))}`);
}

function exitDocument({ exitCode, error }: ExitStatus) {
  return { StatusCode: exitCode, ...(error && { Error: { Message: error } }) };
}

/** One that was removed without having run has no exit code: that it is gone is what was waited for. */
function failedWait(error: unknown, condition: string) {
  if (condition === 'removed' && isEngineError(error, 'ERR_CONTAINER_NOT_FOUND')) return { StatusCode: 0 };
  return { StatusCode: -1, Error: { Message: messageOf(error) } };
}

async function resize(exchange: Exchange): Promise<void> {
  const { query } = exchange;
  const [rows, cols] = [query.integer('h') ?? 0, query.integer('w') ?? 0];
  await (await find(exchange)).resize(rows, cols);
  reply(exchange, 200);
}

async function remove(exchange: Exchange): Promise<void> {
  const { query, api } = exchange;
  if (query.flag('link')) throw badRequest('links are no containers here: remove the container that has it');
  const container = await find(exchange);
  if (api.removing.has(container.id))
    throw new Refusal(409, `removal of container ${parameter(exchange, 'id')} is already in progress`);
  api.removing.add(container.id);
  try {
    await container.remove({ force: query.flag('force'), volumes: query.flag('v') });
  } finally {
    api.removing.delete(container.id);
  }
  replyNothing(exchange);
}

async function prune(exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.query, ['until', 'label', 'label!']);
  const limits = (filters.get('until') ?? []).map((text) => parseTimestamp(text));
  const { removed, bytes } = await exchange.engine.containers.prune({
    filter: ({ createdAt, labels }) =>
      matchesLabels(labels, filters) && limits.every((limit) => new Date(createdAt) < new Date(limit)),
  });
  replyJson(exchange, { ContainersDeleted: removed.length > 0 ? removed : null, SpaceReclaimed: bytes });
}

function find(exchange: Exchange): Promise<Container> {
  return exchange.engine.containers.get(parameter(exchange, 'id'));
}

async function statusOf(container: Container): Promise<ContainerState['status']> {
  return (await container.inspect()).state.status;
}

function isUp(status: ContainerState['status']): boolean {
  return status === 'running' || status === 'paused' || status === 'restarting';
}
