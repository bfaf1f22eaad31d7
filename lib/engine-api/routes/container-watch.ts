import { type Exchange, parameter, replyJson } from '../exchange.ts';
import { replyJsonLines } from '../json-stream.ts';
import type { ApiRoute } from '../route.ts';
import { emptyStats, StatsReadings } from '../wire/container-stats.ts';

/** What containers do and use. */
export const containerWatchRoutes: readonly ApiRoute[] = [
  { method: 'GET', path: '/containers/{id}/top', summary: "list a container's processes", handler: top },
  { method: 'GET', path: '/containers/{id}/stats', summary: 'show what a container uses', handler: stats },
];

async function top(exchange: Exchange): Promise<void> {
  const words = exchange.query
    .text('ps_args')
    .split(/\s+/)
    .filter((word) => word !== '');
  const container = await exchange.engine.containers.get(parameter(exchange, 'id'));
  const { titles, rows } = await container.top(words.length > 0 ? words : undefined);
  replyJson(exchange, { Titles: titles, Processes: rows });
}

/** A reading a second; with `stream=0` one, which without `one-shot` is the second, so that it has a first to compare with. */
async function stats(exchange: Exchange): Promise<void> {
  const { engine, query, signal } = exchange;
  const container = await engine.containers.get(parameter(exchange, 'id'));
  const isStream = query.flag('stream', true);
  const isOneShot = query.flag('one-shot');
  const readings = documents(container.stats({ signal }));
  if (isStream) return await replyJsonLines(exchange, readings, { headAtOnce: true });
  let last: object | undefined;
  let count = 0;
  for await (const document of readings) {
    last = document;
    if (isOneShot || ++count === 2) break;
  }
  replyJson(exchange, last ?? emptyStats(await container.inspect()));
}

async function* documents(
  readings: AsyncIterable<Parameters<StatsReadings['add']>[0]>,
): AsyncGenerator<object> {
  const all = new StatsReadings();
  for await (const reading of readings) yield all.add(reading);
}
