import { type Handler, replyJson } from '../exchange.ts';
import { listRepositories } from '../repository.ts';
import { nextLink, readPage } from './pages.ts';

/** `GET /v2/_catalog` (Docker's API; the OCI reserves the name): repositories that the asker may pull from. */
export const catalog: Handler = {
  needs: () => [],
  answer: async (exchange) => {
    const { after, limit } = readPage(exchange.query);
    const { identity, registry } = exchange;
    const all = await listRepositories(registry.storage);
    const visible = all.filter((name) => name > after && identity.sees(name));
    const repositories = visible.slice(0, limit);
    const last = repositories.at(-1);
    const more = last !== undefined && visible.length > limit;
    replyJson(exchange, { repositories }, more ? nextLink('/v2/_catalog', exchange.query, last, limit) : {});
  },
};
