import { type Exchange, replyJson } from '../exchange.ts';
import { booleanFilter, parseFilters } from '../filters.ts';
import { badRequest } from '../refusal.ts';
import { registryAuth } from '../registry-auth.ts';

/** GET /images/search */
export async function search(exchange: Exchange): Promise<void> {
  const { engine, query, request, signal } = exchange;
  const filters = parseFilters(query, ['is-automated', 'is-official', 'stars']);
  const limit = query.integer('limit') ?? 25;
  if (limit < 1 || limit > 100) throw badRequest(`Limit ${limit} is outside the range of [1, 100]`);
  const stars = Math.max(0, ...(filters.get('stars') ?? []).map(starsOf));
  const [official, automated] = [
    booleanFilter(filters, 'is-official'),
    booleanFilter(filters, 'is-automated'),
  ];
  const credentials = registryAuth(request);
  const found = await engine.registries.search(query.text('term'), { limit, credentials, signal });
  const wanted = found.filter(
    (one) =>
      one.stars >= stars &&
      (official === undefined || one.official === official) &&
      (automated === undefined || one.automated === automated),
  );
  replyJson(
    exchange,
    wanted.map(({ name, description, stars: count, official: isOfficial, automated: isAutomated }) => ({
      star_count: count,
      is_official: isOfficial,
      name,
      is_automated: isAutomated,
      description,
    })),
  );
}

function starsOf(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw badRequest(`invalid filter 'stars=[${text.slice(0, 40)}]'`);
}
