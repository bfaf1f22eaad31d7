import { EngineError } from '../errors/index.ts';
import { type ImageReference, parseReference } from '../reference/index.ts';

/** A registry by its name, and as a reference that names no repository of it. */
export interface Registry {
  readonly domain: string;
  readonly reference: ImageReference;
}

/**
 * Reads the name of a registry: `ghcr.io`, `localhost:5000`, `docker.io`, or a URL of one (`https://index.docker.io/v1/`).
 * @throws EngineError ERR_REFERENCE_INVALID
 */
export function readRegistry(text: string): Registry {
  const bare = text.replace(/^https?:\/\//, '').replace(/\/(v[12]\/?)?$/, '');
  const candidate = /^(index|registry-1)\.docker\.io$/.test(bare) ? 'docker.io' : bare;
  const { domain } = parseName(text, candidate);
  return { domain, reference: { domain, path: '' } };
}

/** By the grammar of references: a registry is what may stand before a repository. */
function parseName(text: string, candidate: string): ImageReference {
  try {
    const parsed = parseReference(`${candidate}/x`);
    if (parsed.domain === candidate) return parsed;
  } catch {
    // said below, in a registry's words
  }
  throw new EngineError(
    'ERR_REFERENCE_INVALID',
    `invalid registry ${JSON.stringify(text.slice(0, 300))}: write a host, with a port if need be, such as ghcr.io or localhost:5000`,
    { details: { registry: text.slice(0, 300) } },
  );
}
