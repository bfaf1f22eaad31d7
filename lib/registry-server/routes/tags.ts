import { type Handler, needing, replyJson, repositoryOf, requireRepository } from '../exchange.ts';
import { nextLink, readPage } from './pages.ts';

/** `GET /v2/NAME/tags/list` (end-8a, end-8b). */
export const listTags: Handler = {
  needs: needing('pull'),
  answer: async (exchange) => {
    const repository = repositoryOf(exchange);
    await requireRepository(repository);
    const { after, limit } = readPage(exchange.query);
    const tags = await repository.tags({ after, limit: limit + 1 });
    const page = tags.slice(0, limit);
    const last = page.at(-1);
    const path = `/v2/${repository.name}/tags/list`;
    const more = last !== undefined && tags.length > limit;
    replyJson(
      exchange,
      { name: repository.name, tags: page },
      more ? nextLink(path, exchange.query, last, limit) : {},
    );
  },
};
