import { isEngineError } from '../../errors/index.ts';
import type { EngineEvent, EventFilters } from '../../events/index.ts';
import { formatReference, parseReference, repositoryName } from '../../reference/index.ts';
import type { ApiContext } from '../api-context.ts';
import type { Exchange } from '../exchange.ts';
import { type Filters, parseFilters } from '../filters.ts';
import { replyJsonLines } from '../json-stream.ts';
import { badRequest } from '../refusal.ts';
import { parseTimestamp } from '../timestamps.ts';
import { isAtLeast } from '../version.ts';
import { eventLine } from '../wire/event.ts';

const own = ['type', 'event', 'container', 'image', 'volume', 'network', 'label'] as const;
/** What docker has events of, and this engine none. */
const foreign = ['daemon', 'plugin', 'node', 'service', 'secret', 'config'];

const listeners = new WeakMap<ApiContext, number>();

/** How many follow events now. */
export function eventListeners(api: ApiContext): number {
  return listeners.get(api) ?? 0;
}

/** GET /events. The head is sent when what happens from then on will be seen. */
export async function events(exchange: Exchange): Promise<void> {
  const { api, request, version } = exchange;
  const stream = readEvents(exchange);
  const { contentType, prefix } = lineFormat(request.headers.accept, isAtLeast(version, 52));
  listeners.set(api, eventListeners(api) + 1);
  try {
    await replyJsonLines(exchange, stream, {
      headAtOnce: true,
      contentType,
      encode: (line) => `${prefix}${isEvent(line) ? eventLine(line, version.minor) : JSON.stringify(line)}\n`,
    });
  } finally {
    listeners.set(api, eventListeners(api) - 1);
  }
}

/** Else it is what went wrong. */
function isEvent(line: unknown): line is EngineEvent {
  return typeof line === 'object' && line !== null && 'action' in line;
}

function readEvents({ engine, query, signal }: Exchange): AsyncIterable<EngineEvent> {
  const [since, until] = ['since', 'until'].map((name) => {
    const text = query.optional(name);
    return text === undefined ? undefined : parseTimestamp(text);
  });
  if (since !== undefined && until !== undefined && until < since)
    throw badRequest(
      `\`since\` time (${query.text('since')}) cannot be after \`until\` time (${query.text('until')})`,
    );
  const filters = parseFilters(query, [...own, ...foreign, 'scope']);
  if (hasNone(filters)) return none();
  const range = { ...(since !== undefined && { since }), ...(until !== undefined && { until }) };
  return untilGone(engine.events({ ...range, filters: eventFilters(filters), signal }), signal);
}

/** Whether it asks for what never happens here. */
function hasNone(filters: Filters): boolean {
  return foreign.some((name) => filters.has(name)) || filters.get('scope')?.includes('local') === false;
}

/** The stream ends by the client's going, which is no failure. */
async function* untilGone(
  stream: AsyncIterable<EngineEvent>,
  signal: AbortSignal,
): AsyncGenerator<EngineEvent> {
  try {
    yield* stream;
  } catch (error) {
    if (!(signal.aborted && isEngineError(error, 'ERR_ABORTED'))) throw error;
  }
}

async function* none(): AsyncGenerator<EngineEvent> {}

/** Names of images are canonical in the journal, and people's in filters. */
function eventFilters(filters: Filters): EventFilters {
  const lists = own
    .map((name) => [name, filters.get(name)] as const)
    .filter(([, values]) => values !== undefined);
  const image = filters.get('image')?.flatMap(namesOf);
  return { ...Object.fromEntries(lists), ...(image && { image }) };
}

function namesOf(name: string): string[] {
  try {
    const reference = parseReference(name);
    const isWhole = reference.digest !== undefined || name.lastIndexOf(':') > name.lastIndexOf('/');
    return [name, isWhole ? formatReference(reference) : repositoryName(reference)];
  } catch {
    return [name]; // an id
  }
}

/** RFC 7464 begins each with a record separator. */
function lineFormat(accept: string | undefined, negotiates: boolean) {
  const types = (accept ?? '').split(',').map((type) => type.replace(/;.*/s, '').trim());
  const asked = ['application/json-seq', 'application/x-ndjson', 'application/jsonl'].find((type) =>
    types.includes(type),
  );
  const contentType = negotiates && asked !== undefined ? asked : 'application/json';
  return { contentType, prefix: contentType === 'application/json-seq' ? '\x1e' : '' };
}
