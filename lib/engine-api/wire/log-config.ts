import type { ContainerOptions } from '../../containers/index.ts';
import type { Fields } from '../json-fields.ts';
import { badRequest } from '../refusal.ts';
import { defined } from './defined.ts';

type Log = NonNullable<ContainerOptions['log']>;

const known = [
  'max-size',
  'max-file',
  'compress',
  'labels',
  'labels-regex',
  'env',
  'env-regex',
  'tag',
  'mode',
];

/** docker's LogConfig. @throws Refusal 400 */
export function logOptions(config: Fields | undefined): Log | undefined {
  const driver = config?.text('Type') ?? '';
  const options = config?.textMap('Config') ?? {};
  if (driver === '' && Object.keys(options).length === 0) return undefined;
  const unknown = Object.keys(options).find((name) => !known.includes(name));
  if (unknown) throw badRequest(`unknown log opt '${unknown}' for ${driver || 'json-file'} log driver`);
  if ((options.mode ?? 'blocking') !== 'blocking')
    throw badRequest(
      `logging mode ${options.mode}: output is never dropped here: leave it out, or give blocking`,
    );
  const { 'max-file': maxFile, compress } = options;
  return defined({
    driver: (driver || undefined) as Log['driver'],
    maxSize: options['max-size'],
    maxFile: maxFile === undefined ? undefined : Number(maxFile),
    compress: compress === undefined ? undefined : compress === 'true' || compress === '1',
    details: details(options),
  }) as Log;
}

function details(options: Readonly<Record<string, string>>): Log['details'] | undefined {
  const names = (text: string | undefined) => text?.split(',').filter((name) => name !== '');
  const found = defined({
    labels: names(options.labels),
    env: names(options.env),
    labelsRegex: options['labels-regex'],
    envRegex: options['env-regex'],
    tag: options.tag,
  });
  return Object.keys(found).length > 0 ? (found as Log['details']) : undefined;
}
