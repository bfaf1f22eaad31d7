import { EngineError } from '../errors/index.ts';

/** @throws EngineError ERR_INVALID_ARGUMENT for what is no record of texts, or a label without a key. */
export function parseLabels(labels: unknown): Readonly<Record<string, string>> {
  if (typeof labels !== 'object' || labels === null || Array.isArray(labels))
    throw invalid('they must be a record of texts');
  for (const [key, value] of Object.entries(labels)) {
    if (key === '') throw invalid('a label needs a key');
    if (typeof value !== 'string') throw invalid(`the value of ${JSON.stringify(key)} must be a text`);
  }
  return { ...(labels as Record<string, string>) };
}

/** `key` or `key=value`. */
export function hasLabel(labels: Readonly<Record<string, string>>, text: string): boolean {
  const [key = '', wanted] = text.split(/=(.*)/s);
  return Object.hasOwn(labels, key) && (wanted === undefined || labels[key] === wanted);
}

function invalid(complaint: string): EngineError {
  return new EngineError('ERR_INVALID_ARGUMENT', `invalid labels of a volume: ${complaint}`);
}
