import { byteSize, flag, integer, invalidOption, oneOf, text, texts } from './option-values.ts';
import type { ContainerOptions } from './options.ts';

/** LogOptions, parsed. */
export interface SpecLog {
  readonly driver: 'json-file' | 'local' | 'none';
  /** Bytes; null: unlimited. */
  readonly maxSize: number | null;
  readonly maxFile: number;
  /** Rotated files are gzip. Absent in records of earlier versions: no. */
  readonly compress?: boolean;
  /** What `details` shows with each line. */
  readonly details?: SpecLogDetails;
}

/** Names of labels and variables, and patterns of such names. */
export interface SpecLogDetails {
  readonly labels: readonly string[];
  readonly env: readonly string[];
  readonly labelsRegex: string | null;
  readonly envRegex: string | null;
  readonly tag: string | null;
}

/** docs/decisions/009-bounded-logs.md, and docker's own of `local`. */
const defaults = {
  'json-file': { maxSize: '64m', maxFile: 2, compress: false },
  local: { maxSize: '20m', maxFile: 5, compress: true },
  none: { maxSize: '64m', maxFile: 2, compress: false },
} as const;

export function parseLog(log: NonNullable<ContainerOptions['log']>): SpecLog {
  const driver = oneOf('log.driver', log.driver ?? 'json-file', ['json-file', 'local', 'none'] as const);
  const { maxSize, maxFile, compress } = { ...defaults[driver], ...given(log) };
  const details = parseDetails(log.details ?? {});
  const isCompressed = flag('log.compress', compress);
  const files = integer('log.maxFile', maxFile, 1, 1000);
  if (log.compress === true && (files < 2 || parseLogSize(maxSize) === null))
    throw invalidOption(
      'log.compress',
      true,
      'compress cannot be true when max-file is less than 2 or if max-size is not set',
    );
  return {
    driver,
    maxSize: parseLogSize(maxSize),
    maxFile: files,
    ...(isCompressed && files > 1 && { compress: true }),
    ...(details && { details }),
  };
}

function given(log: object): Partial<NonNullable<ContainerOptions['log']>> {
  return Object.fromEntries(Object.entries(log).filter(([, value]) => value !== undefined));
}

/** A log without a bound is only ever asked for: docs/decisions/009-bounded-logs.md. */
function parseLogSize(value: unknown): number | null {
  const bytes = byteSize('log.maxSize', value, true);
  if (bytes === 0) throw invalidOption('log.maxSize', value, 'give a size such as 64m, or -1 for no limit');
  return bytes === -1 ? null : bytes;
}

function parseDetails(
  details: NonNullable<NonNullable<ContainerOptions['log']>['details']>,
): SpecLogDetails | null {
  if (Object.keys(details).length === 0) return null;
  const { labelsRegex, envRegex, tag } = details;
  return {
    labels: texts('log.details.labels', details.labels ?? []),
    env: texts('log.details.env', details.env ?? []),
    labelsRegex: labelsRegex === undefined ? null : pattern('log.details.labelsRegex', labelsRegex),
    envRegex: envRegex === undefined ? null : pattern('log.details.envRegex', envRegex),
    tag: tag === undefined ? null : text('log.details.tag', tag),
  };
}

function pattern(option: string, value: unknown): string {
  const source = text(option, value);
  try {
    new RegExp(source);
    return source;
  } catch (error) {
    throw invalidOption(option, value, `it is no regular expression: ${(error as Error).message}`);
  }
}
