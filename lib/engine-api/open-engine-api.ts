import type { IncomingMessage } from 'node:http';
import type { Engine } from '../engine/index.ts';
import { EngineError } from '../errors/index.ts';
import {
  type Listener,
  type ListenerPlace,
  openListener,
  type TlsFiles,
  unixSocketPath,
} from '../http/index.ts';
import { type Answering, answer, answerUpgrade } from './answer.ts';
import type { ApiContext } from './api-context.ts';
import { inheritedSockets, type ListenAddress, parseListenAddress } from './listen-address.ts';
import { createApiRouter } from './route-table.ts';
import { WaitingSessions } from './waiting-sessions.ts';

export interface EngineApiOptions {
  /** `unix:///path`, `tcp://HOST:PORT`, `fd://` for sockets that were handed over (LISTEN_FDS). At least one. */
  readonly listen: readonly string[];
  /** The id of the group that may connect to unix sockets, beside their owner. Default: the program's own. */
  readonly socketGid?: number;
  /** For tcp. With `clientCa` only whoever shows a certificate of it is answered. */
  readonly tls?: TlsFiles;
  /** Allows tcp without client certificates: everybody who reaches the port is root. */
  readonly insecure?: boolean;
  /** The network of containers whose creator names none. Default: `bridge`, for an ordinary user `none`. */
  readonly defaultNetwork?: string;
  /** Told what answers failed with. */
  readonly onFailed?: (error: unknown, request: IncomingMessage) => void;
}

/** An Engine API that answers. Disposal closes it. */
export interface EngineApi extends AsyncDisposable {
  /** As $DOCKER_HOST has them: `unix:///run/strake/docker.sock`, `tcp://127.0.0.1:2375`. */
  readonly addresses: readonly string[];
  /** Reads its certificates again. ERR_TLS_FILES_INVALID changes nothing. */
  reloadTls(): Promise<void>;
  /** Takes no more requests, lets those that run end for `grace` milliseconds (default 10 s), and closes. Containers go on. */
  close(grace?: number): Promise<void>;
}

/**
 * Opens Docker's Engine API over an engine. Whoever may connect to it is root on this machine.
 * @throws EngineError ERR_LISTEN_FAILED, ERR_TLS_FILES_INVALID, ERR_INVALID_ARGUMENT
 */
export async function openEngineApi(engine: Engine, options: EngineApiOptions): Promise<EngineApi> {
  const places = options.listen.flatMap((address) => placesOf(address, options));
  if (places.length === 0)
    throw new EngineError(
      'ERR_INVALID_ARGUMENT',
      'there is no address to listen on, and no socket was handed over',
    );
  const router = createApiRouter();
  const api: ApiContext = {
    engine,
    defaultNetwork: options.defaultNetwork ?? (process.geteuid?.() === 0 ? 'bridge' : 'none'),
    waiting: new WaitingSessions(engine),
    consoleSizes: new Map(),
    removing: new Set(),
  };
  const listeners: Listener[] = [];
  try {
    for (const { place, isTcp } of places) {
      const tls = isTcp ? options.tls : undefined;
      const answering: Answering = {
        api,
        router,
        isPlainTcp: isTcp && tls === undefined,
        onFailed: options.onFailed ?? (() => undefined),
      };
      listeners.push(await listen(place, tls, answering));
    }
  } catch (error) {
    await Promise.all(listeners.map((listener) => listener.close(0)));
    throw error;
  }
  const close = async (grace?: number) => {
    api.waiting.close();
    await Promise.all(listeners.map((listener) => listener.close(grace)));
  };
  return {
    addresses: listeners.map(({ url }) => url.replace(/^https?:/, 'tcp:')),
    reloadTls: async () => {
      for (const listener of listeners) await listener.reloadTls();
    },
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

function listen(place: ListenerPlace, tls: TlsFiles | undefined, answering: Answering): Promise<Listener> {
  return openListener({
    ...place,
    ...(tls && { tls }),
    idleTimeout: 0, // who follows events or waits for a container may hear nothing for days
    handle: (request, response) => answer(answering, request, response),
    upgrade: (request, socket, head) => answerUpgrade(answering, request, socket, head),
  });
}

interface Place {
  readonly place: ListenerPlace;
  readonly isTcp: boolean;
}

function placesOf(text: string, options: EngineApiOptions): Place[] {
  const places = addressedPlaces(parseListenAddress(text), options);
  if (places.some(({ isTcp }) => isTcp) && !options.insecure && options.tls?.clientCa === undefined)
    throw new EngineError(
      'ERR_INVALID_ARGUMENT',
      `${text} without client certificates makes everybody root who reaches it: use --tlsverify with --tlscacert, --tlscert and --tlskey, or say --insecure`,
    );
  return places;
}

function addressedPlaces(address: ListenAddress, { socketGid: gid }: EngineApiOptions): Place[] {
  if (address.kind === 'fd')
    return inheritedSockets(process.env).map((fd) => ({
      place: { fd },
      isTcp: unixSocketPath(fd) === undefined,
    }));
  if (address.kind === 'unix')
    return [{ place: { path: address.path, ...(gid !== undefined && { gid }) }, isTcp: false }];
  return [{ place: { host: address.host, port: address.port }, isTcp: true }];
}
