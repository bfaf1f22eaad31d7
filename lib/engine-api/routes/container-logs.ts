import type { LogEntry } from '../../logs/index.ts';
import { ClientOutput } from '../client-output.ts';
import { type Exchange, parameter } from '../exchange.ts';
import { streamType } from '../hijack.ts';
import type { Query } from '../query.ts';
import { badRequest } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';
import { parseTimestamp } from '../timestamps.ts';

/** What containers wrote. */
export const containerLogsRoutes: readonly ApiRoute[] = [
  { method: 'GET', path: '/containers/{id}/logs', summary: 'show what a container wrote', handler: logs },
];

/** With `follow` until it ends. The head goes out before the first line, which may be long in coming. */
async function logs(exchange: Exchange): Promise<void> {
  const { engine, query, response, signal } = exchange;
  const options = logOptions(query);
  const info = await engine.containers.inspect(parameter(exchange, 'id'));
  const entries = engine.containers.logs(info.id, { ...options, signal })[Symbol.asyncIterator]();
  const isSilent = options.follow && info.log.driver !== 'none';
  const first = isSilent ? undefined : await entries.next(); // a log that cannot be read has a status of its own
  response.writeHead(200, { 'content-type': streamType(exchange, info.tty) });
  response.flushHeaders();
  const output = new ClientOutput(response, !info.tty);
  const textOf = entryText(query.flag('timestamps'), query.flag('details'));
  try {
    for (let next = first ?? (await entries.next()); !next.done; next = await entries.next()) {
      await output.write(next.value.stream, Buffer.from(textOf(next.value)));
      if (output.isClosed) return void (await entries.return?.());
    }
  } catch (error) {
    if (!signal.aborted) await output.write('systemerr', Buffer.from((error as Error).message));
  }
  output.end();
}

function logOptions(query: Query) {
  const [stdout, stderr] = [query.flag('stdout'), query.flag('stderr')];
  if (!stdout && !stderr) throw badRequest('Bad parameters: you must choose at least one stream');
  const tail = /^\d+$/.test(query.text('tail')) ? Number(query.text('tail')) : undefined;
  const [since, until] = [timeOf(query.text('since')), timeOf(query.text('until'))];
  return {
    stdout,
    stderr,
    follow: query.flag('follow'),
    details: query.flag('details'),
    ...(tail !== undefined && { tail }),
    ...(since && { since }),
    ...(until && { until }),
  };
}

/** 0 is no limit. */
function timeOf(text: string): string | undefined {
  return text === '' || Number(text) === 0 ? undefined : parseTimestamp(text);
}

function entryText(withTime: boolean, withDetails: boolean): (entry: LogEntry) => string {
  return ({ time, text, details = {} }) => {
    const attributes = Object.entries(details)
      .map(([key, value]) => `${encodeURIComponent(key)}=${encodeURIComponent(value)}`)
      .join(',');
    return `${withTime ? `${fullTime(time)} ` : ''}${withDetails && attributes ? `${attributes} ` : ''}${text}`;
  };
}

/** With nine decimals, which docker's own texts always have here. */
function fullTime(time: string): string {
  const match = /^(.*?)(?:\.(\d+))?Z$/.exec(time);
  return match ? `${match[1]}.${(match[2] ?? '').padEnd(9, '0')}Z` : time;
}
