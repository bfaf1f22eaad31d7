import type { CommitOptions } from '../../containers/index.ts';
import { type Exchange, replyJson } from '../exchange.ts';
import { readJsonBody } from '../json-body.ts';
import { Fields } from '../json-fields.ts';
import { badRequest } from '../refusal.ts';
import { configChanges } from '../wire/config-changes.ts';

/** POST /commit. The body's configuration is applied first, then `changes`. */
export async function commit(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange;
  const container = query.text('container');
  if (container === '') throw badRequest('container is missing: say which is committed');
  const config = new Fields(await readJsonBody(exchange));
  const [repository, tag] = [query.optional('repo'), query.optional('tag')];
  const reference = repository === undefined || tag === undefined ? repository : `${repository}:${tag}`;
  const [author, message] = [query.optional('author'), query.optional('comment')];
  const options: CommitOptions = {
    signal,
    pause: query.flag('pause', true),
    changes: [...configChanges(config), ...query.all('changes')],
    ...(reference !== undefined && { reference }),
    ...(author !== undefined && { author }),
    ...(message !== undefined && { message }),
  };
  const { id } = await engine.containers.commit(container, options);
  replyJson(exchange, { Id: id }, 201);
}
