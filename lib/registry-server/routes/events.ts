import { Deferred } from '../../deferred/index.ts';
import type { Identity } from '../access/access.ts';
import type { ChangeDocument } from '../api-documents.ts';
import type { Changes } from '../changes.ts';
import type { Exchange, Handler } from '../exchange.ts';
import { Refusal } from '../refusal.ts';
import { parseRepositoryName } from '../repository-name.ts';

/** Milliseconds between looks at whether the watcher is still who he was; and a byte goes, so that nobody cuts the connection. */
const pulse = 15_000;
/** Watchers of one process, and of one user, or one address of who has shown nothing. */
const [most, mostOfOne] = [500, 100];
/** Bytes that wait for a watcher who reads nothing; then he is cut off. */
const mostWaiting = 1 << 20;

/** `GET /api/v1/events`: what changes, as it does, for whoever may see it (HTML standard, "Server-sent events"). */
export function eventsOf(changes: Changes): Handler {
  const senders = new Map<string, number>();
  return {
    needs: () => [],
    answer: async (exchange) => {
      const sender = senderOf(exchange);
      const others = senders.get(sender) ?? 0;
      if (changes.watchers >= most || others >= mostOfOne)
        throw new Refusal('UNAVAILABLE', 'too many watch already: ask now and then');
      exchange.response.writeHead(200, {
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        // A proxy of nginx's else waits for more.
        'x-accel-buffering': 'no',
      });
      if (exchange.request.method === 'HEAD') exchange.response.end();
      else {
        senders.set(sender, others + 1);
        await watch(changes, exchange).finally(() => {
          const left = (senders.get(sender) ?? 1) - 1;
          if (left > 0) senders.set(sender, left);
          else senders.delete(sender);
        });
      }
    },
  };
}

function senderOf({ identity, request }: Exchange): string {
  return identity.by === 'nothing' ? (request.socket.remoteAddress ?? '') : `@${identity.name}`;
}

async function watch(changes: Changes, exchange: Exchange): Promise<void> {
  const { response } = exchange;
  let { identity } = exchange;
  const ended = new Deferred();
  const end = () => ended.resolve();
  const send = (text: string) => {
    if (response.writableLength > mostWaiting) response.destroy();
    else response.write(text);
  };
  const stop = changes.watch((change) => {
    if (isVisible(identity, change)) send(`data: ${JSON.stringify(change)}\n\n`);
  }, end);
  const timer = setInterval(async () => {
    const now = await sameIdentity(exchange, identity);
    if (now === undefined) return end();
    identity = now;
    send(': \n\n');
  }, pulse);
  response.once('close', end);
  // Who hung up before this began is heard of no more.
  if (response.destroyed) end();
  else send(': \n\n');
  await ended.promise;
  clearInterval(timer);
  stop();
  response.end();
}

/** With what he may do now; undefined: his session is over, or he is somebody else. */
async function sameIdentity(
  { request, registry }: Exchange,
  before: Identity,
): Promise<Identity | undefined> {
  const now = await registry.access.identify(request).catch(() => undefined);
  return now?.name === before.name ? now : undefined;
}

function isVisible(identity: Identity, { topic, repository }: ChangeDocument): boolean {
  if (topic !== 'repositories' || repository === undefined) return identity.isAdmin;
  return identity.sees(parseRepositoryName(repository));
}
