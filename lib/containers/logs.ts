import { EngineError } from '../errors/index.ts';
import { type LogEntry, type LogOptions, readLog } from '../logs/index.ts';
import type { ContainersContext } from './context.ts';
import type { ContainerRecord } from './record.ts';
import { mergeEnvironment } from './runtime-process.ts';
import { sharedEnding } from './shared-ending.ts';

/** What a container wrote; with `follow` until it ends. ERR_LOG_NOT_READABLE when it keeps no log. */
export async function* readContainerLog(
  context: ContainersContext,
  record: ContainerRecord,
  options: LogOptions = {},
): AsyncGenerator<LogEntry> {
  if (record.spec.log.driver === 'none') {
    throw new EngineError(
      'ERR_LOG_NOT_READABLE',
      `configured logging driver does not support reading: container ${record.name} keeps no log (driver none); create it with json-file or local`,
      { details: { container: record.name } },
    );
  }
  const stop = new AbortController();
  try {
    const { log } = context.store.paths(record.id);
    const ended = options.follow ? sharedEnding(context, record, stop.signal) : undefined;
    if (!options.details) return yield* readLog(log, options, ended);
    const details = logDetails(record);
    for await (const entry of readLog(log, options, ended)) yield { ...entry, details };
  } finally {
    stop.abort();
  }
}

/** docker's ExtraAttributes (daemon/logger/loginfo.go). They are the container's, and so the same for every line. */
export function logDetails({ id, name, image, spec }: ContainerRecord): Record<string, string> {
  const { labels = [], env = [], labelsRegex = null, envRegex = null, tag = null } = spec.log.details ?? {};
  const wanted = (names: readonly string[], pattern: string | null) => {
    const matches = pattern === null ? null : new RegExp(pattern);
    return ([key]: [string, string]) => names.includes(key) || matches?.test(key) === true;
  };
  const variables = mergeEnvironment(image.process.env, spec.env).map((entry): [string, string] => {
    const [key = '', value = ''] = entry.split(/=(.*)/s);
    return [key, value];
  });
  return Object.fromEntries([
    ...Object.entries({ ...image.process.labels, ...spec.labels }).filter(wanted(labels, labelsRegex)),
    ...variables.filter(wanted(env, envRegex)),
    ...(tag === null ? [] : [['tag', tagText(tag, { id, name, image: image.reference })]]),
  ]);
}

/** The templates that docker's documentation names for tags. */
function tagText(tag: string, { id, name, image }: { id: string; name: string; image: string }): string {
  const values: Readonly<Record<string, string>> = {
    ID: id.slice(0, 12),
    FullID: id,
    Name: name,
    ImageName: image,
    DaemonName: 'strake',
  };
  return tag.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (text, key) => values[key] ?? text);
}
