import { isEngineError } from '../../errors/index.ts';
import type { ApiContext, TerminalSize } from '../api-context.ts';
import { matchesContainer, parseContainerFilters } from '../container-filters.ts';
import { messageOf } from '../error-response.ts';
import { type Exchange, parameter, replyJson } from '../exchange.ts';
import { readJsonBody } from '../json-body.ts';
import { Fields } from '../json-fields.ts';
import { badRequest } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';
import { consoleSize } from '../wire/console-size.ts';
import { containerRequest } from '../wire/container-create.ts';
import { type ContainerSizes, containerDocument } from '../wire/container-inspect.ts';
import { containerSummary } from '../wire/container-summary.ts';

/** Containers as they are: made, listed, looked at. */
export const containersRoutes: readonly ApiRoute[] = [
  { method: 'GET', path: '/containers/json', summary: 'list containers', handler: list },
  { method: 'POST', path: '/containers/create', summary: 'make a container', handler: create },
  { method: 'GET', path: '/containers/{id}/json', summary: 'show all about a container', handler: inspect },
];

async function list(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange;
  const filters = parseContainerFilters(query);
  const limit = query.integer('limit') ?? 0;
  const everything = query.flag('all') || limit > 0 || filters.has('status') || filters.has('exited');
  // A record that is damaged hides no other: `strake system check` is there for it.
  const all = await engine.containers.list({ all: true, signal, onUnreadable: () => undefined });
  const shown = all.filter(
    (info) =>
      (everything || ['running', 'paused', 'restarting'].includes(info.state.status)) &&
      matchesContainer(info, filters, all),
  );
  const chosen = limit > 0 ? shown.slice(0, limit) : shown;
  const documents = chosen.map(async (info) =>
    containerSummary(info, query.flag('size') ? await sizesOf(exchange, info.id, info.imageId) : undefined),
  );
  replyJson(exchange, await Promise.all(documents));
}

async function create(exchange: Exchange): Promise<void> {
  const { engine, query, api } = exchange;
  const body = new Fields(await readJsonBody(exchange));
  const { image, options, warnings } = containerRequest(body, api.defaultNetwork);
  if (image === '') throw badRequest('config cannot be empty in order to create a container');
  const name = query.optional('name');
  const platform = query.optional('platform');
  const asked = { ...options, ...(name && { name }), ...(platform && { platform }), pull: 'never' as const };
  const container = await engine.containers.create(image, asked).catch(refuseOtherMissing);
  rememberSize(api, container.id, consoleSize(body.object('HostConfig')));
  replyJson(exchange, { Id: container.id, Warnings: warnings }, 201);
}

/** Containers whose terminal's size is remembered until they start: the oldest are forgotten. */
const mostSizes = 1024;

function rememberSize({ consoleSizes }: ApiContext, id: string, size: TerminalSize | undefined): void {
  if (size === undefined) return;
  consoleSizes.set(id, size);
  const [oldest = id] = consoleSizes.keys();
  if (consoleSizes.size > mostSizes) consoleSizes.delete(oldest);
}

/** To clients 404 means that the image is to be pulled. */
function refuseOtherMissing(error: unknown): never {
  const isOther = isEngineError(error) && error.kind === 'notFound' && error.code !== 'ERR_IMAGE_NOT_FOUND';
  throw isOther ? badRequest(messageOf(error), error) : error;
}

async function inspect(exchange: Exchange): Promise<void> {
  const { engine, query } = exchange;
  const container = await engine.containers.get(parameter(exchange, 'id'));
  const info = await container.inspect();
  const execs = (await container.execs()).filter(({ running }) => running).map(({ id }) => id);
  const sizes = query.flag('size') ? await sizesOf(exchange, info.id, info.imageId) : undefined;
  replyJson(exchange, containerDocument(info, { execIds: execs, sizes }));
}

/** Of one that goes meanwhile, or whose image does, nothing. */
async function sizesOf({ engine }: Exchange, id: string, imageId: string | null): Promise<ContainerSizes> {
  const written = await engine.containers.size(id).catch(() => 0);
  const image = (await engine.images.list()).find((one) => one.id === imageId);
  return { written, root: written + (image?.size ?? 0) };
}
