import type { Handler } from './exchange.ts';

/** One method of one path of the Engine API: what is answered, and what docs/engine-api.md says of it. */
export interface ApiRoute {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** As docker's own reference writes it: `{id}` is one part of the path, `{name...}` may have slashes. */
  readonly path: string;
  readonly summary: string;
  readonly handler: Handler;
  /** What is not as docker has it, for the page; absent: nothing is known. */
  readonly note?: string;
}

/** A path's expression: linear in its input. */
export function patternOf(path: string): RegExp {
  const source = path
    .split(/(\{[a-z]+(?:\.\.\.)?\})/)
    .map((part) => {
      const match = /^\{([a-z]+)(\.\.\.)?\}$/.exec(part);
      if (match === null) return part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
      return `(?<${match[1]}>${match[2] ? '.+' : '[^/]+'})`;
    })
    .join('');
  return new RegExp(`^${source}/?$`);
}
