import type { Container, ContainerInfo } from '../../containers/index.ts';
import { attachSession, connectSessions } from '../attach-session.ts';
import type { ClientOutput } from '../client-output.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import { type Exchange, parameter } from '../exchange.ts';
import { type HijackedStream, hijack, streamType } from '../hijack.ts';
import { badRequest, Refusal } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';
import { acceptWebSocket } from '../websocket.ts';

/** A container's own stdio. */
export const containerAttachRoutes: readonly ApiRoute[] = [
  {
    method: 'POST',
    path: '/containers/{id}/attach',
    summary: "connect to a container's stdio",
    handler: attach,
  },
  {
    method: 'GET',
    path: '/containers/{id}/attach/ws',
    summary: "connect to a container's stdio by websocket",
    handler: attachByWebSocket,
  },
];

async function attach(exchange: Exchange): Promise<void> {
  const container = await exchange.engine.containers.get(parameter(exchange, 'id'));
  const info = await container.inspect();
  await skipOptions(exchange);
  await attachStream(
    exchange,
    container,
    info,
    () =>
      hijack(exchange, streamType(exchange, info.tty), {
        wantsInput: exchange.query.flag('stdin') && info.stdin,
      }),
    !info.tty,
  );
}

/** dockerode sends its options once more, as a body, which is nobody's stdin. */
async function skipOptions({ upgraded, request }: Exchange): Promise<void> {
  if (upgraded === undefined || request.headers['content-length'] === undefined) return;
  for await (const _piece of upgraded.body());
}

/** Both outputs as they are in one stream of binary messages: docker's, which frames nothing here. */
async function attachByWebSocket(exchange: Exchange): Promise<void> {
  const container = await exchange.engine.containers.get(parameter(exchange, 'id'));
  const info = await container.inspect();
  await attachStream(exchange, container, info, () => acceptWebSocket(exchange), false);
}

async function attachStream(
  { query, engine, api }: Exchange,
  container: Container,
  info: ContainerInfo,
  open: () => HijackedStream,
  framed: boolean,
): Promise<void> {
  const detachKeys = parseDetachKeys(query.text('detachKeys'));
  const selection = {
    stdin: query.flag('stdin') && info.stdin,
    stdout: query.flag('stdout'),
    stderr: query.flag('stderr'),
  };
  const [withLogs, isLive] = [query.flag('logs'), query.flag('stream')];
  if (!withLogs && !isLive) throw badRequest('Bad parameters: you must choose at least one stream');
  const { status } = info.state;
  if (isLive && status === 'paused')
    throw new Refusal(409, `container ${info.id} is paused, unpause the container before attach`);
  if (isLive && status === 'restarting')
    throw new Refusal(409, `container ${info.id} is restarting, wait until the container is running`);
  const attachment = isLive && status === 'running' ? await container.attach(selection) : undefined;
  try {
    const session = attachSession(open(), {
      ...selection,
      framed,
      tty: info.tty,
      endsStdin: info.spec.stdinOnce ?? true,
      detachKeys,
    });
    if (withLogs) await replayLog(engine, info, session.output, selection);
    if (attachment) await connectSessions(attachment, [session]);
    else if (isLive) await api.waiting.add(info, session);
    else session.output.end();
  } catch (error) {
    attachment?.hangUp(); // or its process would wait for somebody to read
    throw error;
  }
}

/** What it has written by now. A container without a log has none to show. */
async function replayLog(
  { containers }: Exchange['engine'],
  { id, log }: ContainerInfo,
  output: ClientOutput,
  { stdout, stderr }: { readonly stdout: boolean; readonly stderr: boolean },
): Promise<void> {
  if (log.driver === 'none') return;
  for await (const { stream, text } of containers.logs(id, { stdout, stderr })) {
    if (output.isClosed) return;
    await output.write(stream, Buffer.from(text));
  }
}
