import { EngineError } from '../errors/index.ts';

/** Where clients reach the API, as docker's `-H` writes it. */
export type ListenAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  /** Sockets that whoever started this program has opened (sd_listen_fds(3)): all of them. */
  | { readonly kind: 'fd' };

/** `unix:///path`, `tcp://HOST:PORT`, `fd://`. @throws EngineError ERR_INVALID_ARGUMENT */
export function parseListenAddress(text: string): ListenAddress {
  if (/^fd:\/\/\*?$/.test(text)) return { kind: 'fd' };
  const unix = /^unix:\/\/(\/.+)$/.exec(text);
  if (unix?.[1]) return { kind: 'unix', path: unix[1] };
  const tcp = /^tcp:\/\/(?:\[([0-9A-Fa-f:.]+)\]|([^:/[\]]*))(?::(\d{1,5}))?\/?$/.exec(text);
  if (tcp !== null && Number(tcp[3] ?? 0) <= 65_535)
    return { kind: 'tcp', host: tcp[1] ?? (tcp[2] || '127.0.0.1'), port: Number(tcp[3] ?? 2375) };
  throw new EngineError(
    'ERR_INVALID_ARGUMENT',
    `invalid address ${JSON.stringify(text.slice(0, 200))}: write unix:///PATH, tcp://HOST:PORT or fd://`,
  );
}

/** The descriptors that a service manager has handed to this very process; none if it has not. */
export function inheritedSockets(environment: NodeJS.ProcessEnv): number[] {
  const { LISTEN_PID: pid, LISTEN_FDS: count } = environment;
  if (Number(pid) !== process.pid) return [];
  return Array.from({ length: Math.min(Number(count) || 0, 64) }, (_, index) => 3 + index);
}
