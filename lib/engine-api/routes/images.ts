import type { Image, ImageSummary } from '../../images/index.ts';
import { type Exchange, parameter, reply, replyJson } from '../exchange.ts';
import { booleanFilter, parseFilters } from '../filters.ts';
import { selectImages } from '../image-filters.ts';
import { platformParameter } from '../platform-parameter.ts';
import { badRequest } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';
import { isAtLeast } from '../version.ts';
import { historyItem, imageInspect, imageSummary, prunedImages, removedImage } from '../wire/image.ts';
import { commit } from './commit.ts';
import { createImage } from './image-create.ts';
import { getImage, getImages, load, push } from './image-transfer.ts';
import { search } from './search.ts';

export const imagesRoutes: readonly ApiRoute[] = [
  { method: 'GET', path: '/images/json', summary: 'images', handler: list },
  { method: 'POST', path: '/images/create', summary: 'pulls or imports an image', handler: createImage },
  { method: 'GET', path: '/images/search', summary: 'searches a registry', handler: search },
  { method: 'POST', path: '/images/prune', summary: 'removes images that nothing uses', handler: prune },
  { method: 'GET', path: '/images/get', summary: 'an archive of images', handler: getImages },
  { method: 'POST', path: '/images/load', summary: 'brings in an archive', handler: load },
  { method: 'POST', path: '/commit', summary: 'makes an image of a container', handler: commit },
  {
    method: 'GET',
    path: '/images/{name...}/json',
    summary: 'one image',
    note: 'what only the container had that it was made of is not kept: ContainerConfig is empty',
    handler: inspect,
  },
  { method: 'GET', path: '/images/{name...}/history', summary: 'how it came to be', handler: history },
  { method: 'GET', path: '/images/{name...}/get', summary: 'an archive of one image', handler: getImage },
  { method: 'POST', path: '/images/{name...}/push', summary: 'pushes it', handler: push },
  { method: 'POST', path: '/images/{name...}/tag', summary: 'gives it a name', handler: tag },
  {
    method: 'DELETE',
    path: '/images/{name...}',
    summary: 'removes it',
    note: 'there are no untagged parents (`noprune`)',
    handler: remove,
  },
];

async function list(exchange: Exchange): Promise<void> {
  const { engine, query, version } = exchange;
  const known = ['dangling', 'label', 'label!', 'before', 'since', 'until', 'reference'];
  const filters = new Map(parseFilters(query, known));
  const legacy = query.optional('filter');
  if (legacy !== undefined && !isAtLeast(version, 41))
    filters.set('reference', [...(filters.get('reference') ?? []), legacy]);
  const { matches, shows } = await selectImages(filters, createdAt(exchange));
  const wantsSizes = query.flag('shared-size') && isAtLeast(version, 42);
  const shared = wantsSizes ? await sharedSizes(exchange) : undefined;
  const counts = isAtLeast(version, 51) ? await containerCounts(exchange) : undefined;
  const images = (await engine.images.list()).filter(matches);
  const documents = images.map((image) =>
    imageSummary(image, {
      minor: version.minor,
      shows,
      containers: counts && (counts.get(image.id) ?? 0),
      sharedSize: shared && (shared.get(image.id) ?? 0),
    }),
  );
  replyJson(exchange, documents);
}

async function sharedSizes({ engine }: Exchange): Promise<Map<string, number>> {
  const { images } = await engine.images.usage();
  return new Map(images.map(({ id, sharedSize }) => [id, sharedSize]));
}

async function containerCounts({ engine }: Exchange): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { imageId } of await engine.containers.list({ all: true }))
    if (imageId !== null) counts.set(imageId, (counts.get(imageId) ?? 0) + 1);
  return counts;
}

function createdAt({ engine }: Exchange): (reference: string) => Promise<string | null> {
  return async (reference) => (await engine.images.inspect(reference)).config.created ?? null;
}

async function inspect(exchange: Exchange): Promise<void> {
  const image = await find(exchange);
  const summary = await summaryOf(exchange, image);
  replyJson(exchange, imageInspect(image, summary, exchange.version.minor));
}

async function history(exchange: Exchange): Promise<void> {
  const image = await find(exchange);
  const steps = await exchange.engine.images.history(image.id);
  const summary = await summaryOf(exchange, image);
  replyJson(
    exchange,
    steps.map((step) => historyItem(step, summary?.references ?? [])),
  );
}

/** What the path names, of `platform` if that is given. */
async function find(exchange: Exchange): Promise<Image> {
  const { images } = exchange.engine;
  const name = parameter(exchange, 'name');
  const platform = platformParameter(exchange.query);
  return await images.inspect(platform === undefined ? name : await images.idOfPlatform(name, platform));
}

/** With all of its names. */
async function summaryOf({ engine }: Exchange, { id }: Image): Promise<ImageSummary | undefined> {
  return (await engine.images.list()).find((summary) => summary.id === id);
}

async function tag(exchange: Exchange): Promise<void> {
  const { engine, query } = exchange;
  const [repository, name] = [query.text('repo'), query.optional('tag')];
  if (repository === '') throw badRequest('repository name cannot be empty');
  await engine.images.tag(
    parameter(exchange, 'name'),
    name === undefined ? repository : `${repository}:${name}`,
  );
  reply(exchange, 201);
}

async function remove(exchange: Exchange): Promise<void> {
  const name = parameter(exchange, 'name');
  if (name.trim() === '') throw badRequest('image name cannot be blank');
  const removed = await exchange.engine.images.remove(name, { force: exchange.query.flag('force') });
  replyJson(exchange, removed.map(removedImage));
}

async function prune(exchange: Exchange): Promise<void> {
  const filters = new Map(parseFilters(exchange.query, ['dangling', 'label', 'label!', 'until']));
  const all = booleanFilter(filters, 'dangling') === false;
  filters.delete('dangling');
  const { matches } = await selectImages(filters, createdAt(exchange));
  replyJson(exchange, prunedImages(await exchange.engine.images.prune({ all, filter: matches })));
}
