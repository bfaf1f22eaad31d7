import { Readable } from 'node:stream';
import { isEngineError } from '../../errors/index.ts';
import type { PullImageOptions } from '../../images/index.ts';
import { parseReference } from '../../reference/index.ts';
import type { Exchange } from '../exchange.ts';
import { replyJsonLines } from '../json-stream.ts';
import { platformParameter } from '../platform-parameter.ts';
import { badRequest, Refusal } from '../refusal.ts';
import { registryAuth } from '../registry-auth.ts';
import { type ProgressMessage, PullMessages } from '../wire/progress.ts';

/** POST /images/create: pulls `fromImage`, or imports `fromSrc`. */
export async function createImage(exchange: Exchange): Promise<void> {
  const image = exchange.query.optional('fromImage');
  await replyJsonLines(exchange, image === undefined ? importImage(exchange) : pullImages(exchange, image));
}

async function* pullImages(exchange: Exchange, image: string): AsyncGenerator<ProgressMessage> {
  const { query, signal, request } = exchange;
  exchange.body.resume();
  const credentials = registryAuth(request);
  const platform = platformParameter(query);
  const options = {
    signal,
    ...(credentials && { credentials }),
    ...(platform !== undefined && { platform }),
  };
  try {
    for (const reference of await referencesOf(exchange, image, options))
      yield* pullOne(exchange, reference, options);
  } catch (error) {
    throw accessDenied(image, error);
  }
}

/** docker does not tell what may not be had from what is not there. */
function accessDenied(image: string, error: unknown): unknown {
  const isDenied =
    isEngineError(error, 'ERR_REGISTRY_UNAUTHORIZED') || isEngineError(error, 'ERR_REGISTRY_DENIED');
  if (!isDenied) return error;
  const message = `pull access denied for ${image}, repository does not exist or may require 'docker login': ${error.message}`;
  return new Refusal(404, message, { cause: error });
}

async function* pullOne({ engine }: Exchange, reference: string, options: PullImageOptions) {
  const messages = new PullMessages(reference);
  for await (const step of engine.images.pull(reference, options)) yield* messages.messagesOf(step);
}

/** Without a tag all that the repository has, as docker does it. */
async function referencesOf(
  { engine, query }: Exchange,
  image: string,
  options: PullImageOptions,
): Promise<string[]> {
  const tag = query.optional('tag');
  if (tag !== undefined) return [`${image}${tag.includes(':') ? '@' : ':'}${tag}`];
  parseReference(image);
  if (image.includes('@') || image.lastIndexOf(':') > image.lastIndexOf('/')) return [image];
  return await engine.registries.tags(image, options);
}

async function* importImage(exchange: Exchange): AsyncGenerator<ProgressMessage> {
  const { engine, query, signal } = exchange;
  const source = query.optional('fromSrc');
  if (source === undefined) throw badRequest('fromImage or fromSrc is required');
  const [repository, tag] = [query.optional('repo'), query.optional('tag')];
  const reference = repository === undefined || tag === undefined ? repository : `${repository}:${tag}`;
  const image = await engine.images.import(await bytesOf(source, exchange), {
    reference,
    changes: query.all('changes'),
    message: query.optional('message') ?? `Imported from ${source}`,
    platform: platformParameter(query),
    signal,
  });
  yield { status: image.id };
}

/** `-` is the request's body; anything else is fetched. */
async function bytesOf(source: string, { body, signal }: Exchange): Promise<AsyncIterable<Uint8Array>> {
  if (source === '-') return body;
  const url = urlOf(source);
  const response = await fetch(url, { signal }).catch((cause: unknown) => {
    throw new Refusal(500, `cannot fetch ${url.slice(0, 200)}: ${causeOf(cause)}`, { cause });
  });
  if (!response.ok || response.body === null)
    throw new Refusal(500, `cannot fetch ${url.slice(0, 200)}: ${response.status} ${response.statusText}`);
  return Readable.fromWeb(response.body as Parameters<typeof Readable.fromWeb>[0]);
}

function urlOf(source: string): string {
  const text = source.includes('://') ? source : `http://${source}`;
  if (!URL.canParse(text) || !/^https?:/.test(text))
    throw badRequest(`invalid fromSrc: ${source.slice(0, 200)} is no http or https URL`);
  return text;
}

/** fetch() itself says no more than that it failed. */
function causeOf(error: unknown): string {
  const { message, cause } = error as Error;
  return cause instanceof Error ? cause.message : message;
}
