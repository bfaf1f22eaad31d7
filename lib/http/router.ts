/** What a method of a path is answered by. Groups of the pattern that have a name are the handler's parameters. */
export interface Route<Handler> {
  readonly method: string;
  /** Matched against the whole path, percent-encoding undone. Must be linear in its input. */
  readonly pattern: RegExp;
  readonly handler: Handler;
}

/** A handler with its parameters; or the methods that the path has; or undefined: there is no such path. */
export type RouterAnswer<Handler> =
  | { readonly handler: Handler; readonly parameters: Readonly<Record<string, string>> }
  | { readonly allow: readonly string[] }
  | undefined;

/** A table of routes, asked in its order. HEAD is answered by GET's handler where it has none of its own. */
export class Router<Handler> {
  readonly #routes: readonly Route<Handler>[];

  constructor(routes: readonly Route<Handler>[]) {
    this.#routes = routes;
  }

  find(method: string, path: string): RouterAnswer<Handler> {
    const allow = new Set<string>();
    let get: RouterAnswer<Handler>;
    for (const route of this.#routes) {
      const match = route.pattern.exec(path);
      if (match === null) continue;
      const found = { handler: route.handler, parameters: { ...match.groups } };
      if (route.method === method) return found;
      if (route.method === 'GET') get ??= found;
      allow.add(route.method);
    }
    if (method === 'HEAD' && get) return get;
    if (allow.has('GET')) allow.add('HEAD');
    return allow.size > 0 ? { allow: [...allow].sort() } : undefined;
  }
}
