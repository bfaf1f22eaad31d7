import { EngineError } from '../errors/index.ts';
import { familiarName, familiarRepository } from './image-reference.ts';
import { parseReference } from './parse-reference.ts';

/**
 * Whether a name, as people write it, with its tag or digest or without, matches a pattern of Go's path.Match: `*`, `?` and
 * `[a-z]`, none of which is a slash (distribution/reference, FamiliarMatch).
 * @throws EngineError ERR_INVALID_ARGUMENT for a pattern that is none, ERR_REFERENCE_INVALID
 */
export function matchesFamiliar(reference: string, pattern: string): boolean {
  const parsed = parseReference(reference);
  const expression = globExpression(pattern);
  return [familiarName(parsed), familiarRepository(parsed)].some((text) => expression.test(text));
}

function globExpression(pattern: string): RegExp {
  const source = pattern.replace(/\[\^?([^\]]+)\]|[*?]|[.+^${}()|\\[\]]/g, (part) => {
    if (part === '*') return '[^/]*';
    if (part === '?') return '[^/]';
    return part.length > 1 ? part.replaceAll('\\', '\\\\') : `\\${part}`;
  });
  try {
    return new RegExp(`^${source}$`);
  } catch {
    throw new EngineError(
      'ERR_INVALID_ARGUMENT',
      `invalid pattern ${JSON.stringify(pattern.slice(0, 200))}: in [...] write the lesser character first, as in [a-z]`,
    );
  }
}
