import { once } from 'node:events';
import { isEngineError } from '../../errors/index.ts';
import type { Images } from '../../images/index.ts';
import { familiarRepository, parseReference, repositoryName } from '../../reference/index.ts';
import { messageOf } from '../error-response.ts';
import { type Exchange, parameter } from '../exchange.ts';
import { replyJsonLines } from '../json-stream.ts';
import { platformParameter } from '../platform-parameter.ts';
import { badRequest, Refusal } from '../refusal.ts';
import { registryAuth } from '../registry-auth.ts';
import {
  errorMessage,
  loadMessages,
  type ProgressMessage,
  pushIntroduction,
  pushMessages,
} from '../wire/progress.ts';

/** GET /images/{name}/get */
export async function getImage(exchange: Exchange): Promise<void> {
  await sendArchive(exchange, [parameter(exchange, 'name')]);
}

/** GET /images/get?names=…&names=… */
export async function getImages(exchange: Exchange): Promise<void> {
  const names = exchange.query.all('names');
  if (names.length === 0) throw badRequest('names are missing: say which images the archive shall have');
  await sendArchive(exchange, names);
}

/** What cannot be begun has a status; what fails on the way cuts the connection, since nothing else tells it from an archive. */
async function sendArchive(
  { engine, query, response, signal }: Exchange,
  names: readonly string[],
): Promise<void> {
  const platform = platformParameter(query);
  const options = { signal, ...(platform !== undefined && { platform }) };
  for await (const piece of engine.images.save(names, options)) {
    if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/x-tar' });
    if (!response.write(piece)) await once(response, 'drain', { signal });
  }
  response.end();
}

/** POST /images/load. Whatever goes wrong is told in band, as docker does it. */
export async function load(exchange: Exchange): Promise<void> {
  await replyJsonLines(exchange, loaded(exchange));
}

async function* loaded({ engine, body, query, signal }: Exchange): AsyncGenerator<ProgressMessage> {
  const quiet = query.flag('quiet', true);
  const platform = platformParameter(query);
  const options = { signal, ...(platform !== undefined && { platform }) };
  try {
    for await (const step of engine.images.load(body, options)) yield* loadMessages(step, quiet);
  } catch (error) {
    yield errorMessage(messageOf(error));
  }
}

/** POST /images/{name}/push: one tag, or without one all of the repository. */
export async function push(exchange: Exchange): Promise<void> {
  exchange.body.resume();
  const name = parameter(exchange, 'name');
  const tag = exchange.query.optional('tag');
  const reference = tag === undefined ? name : `${name}:${tag}`;
  parseReference(reference);
  await replyJsonLines(exchange, pushed(exchange, reference));
}

async function* pushed(
  { engine, query, request, signal }: Exchange,
  name: string,
): AsyncGenerator<ProgressMessage> {
  const options: Parameters<Images['push']>[1] = {
    credentials: registryAuth(request),
    platform: platformParameter(query),
    signal,
  };
  yield pushIntroduction(name);
  for (const reference of await pushedReferences(engine.images, name))
    for await (const step of engine.images.push(reference, options)) yield* pushMessages(step);
}

/** What is here under the name. @throws Refusal, which docker tells in band */
async function pushedReferences(images: Images, name: string): Promise<string[]> {
  if (name.lastIndexOf(':') > name.lastIndexOf('/')) {
    await images.inspect(name).catch((error: unknown) => {
      throw isEngineError(error, 'ERR_IMAGE_NOT_FOUND') ? notHere(name) : error;
    });
    return [name];
  }
  const repository = repositoryName(parseReference(name));
  const all = (await images.list()).flatMap(({ references }) => references);
  const own = all.filter((one) => one.slice(0, one.lastIndexOf(':')) === repository);
  if (own.length === 0) throw notHere(name);
  return own.sort();
}

function notHere(name: string): Refusal {
  const repository = familiarRepository(parseReference(name));
  return new Refusal(404, `An image does not exist locally with the tag: ${repository}`);
}
