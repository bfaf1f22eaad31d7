import type { Exec, ExecOptions } from '../../containers/index.ts';
import { isEngineError } from '../../errors/index.ts';
import type { TerminalSize } from '../api-context.ts';
import { attachSession, connectSessions } from '../attach-session.ts';
import { parseDetachKeys } from '../detach-keys.ts';
import { messageOf } from '../error-response.ts';
import { type Exchange, parameter, reply, replyJson } from '../exchange.ts';
import { hijack, streamType } from '../hijack.ts';
import { readJsonBody, readLeadingJson } from '../json-body.ts';
import { Fields } from '../json-fields.ts';
import { badRequest } from '../refusal.ts';
import type { ApiRoute } from '../route.ts';
import { consoleSize } from '../wire/console-size.ts';
import { environmentOf } from '../wire/container-create.ts';
import { defined } from '../wire/defined.ts';
import { execDocument } from '../wire/exec.ts';

/** Further processes in containers. */
export const execRoutes: readonly ApiRoute[] = [
  {
    method: 'POST',
    path: '/containers/{id}/exec',
    summary: 'prepare a command in a container',
    handler: create,
  },
  { method: 'POST', path: '/exec/{id}/start', summary: 'start a command in a container', handler: start },
  { method: 'POST', path: '/exec/{id}/resize', summary: "resize a command's terminal", handler: resize },
  {
    method: 'GET',
    path: '/exec/{id}/json',
    summary: 'show all about a command in a container',
    handler: inspect,
  },
];

async function create(exchange: Exchange): Promise<void> {
  const body = new Fields(await readJsonBody(exchange));
  const argv = body.textOrTexts('Cmd') ?? [];
  if (argv.length === 0) throw badRequest('No exec command specified');
  parseDetachKeys(body.text('DetachKeys') ?? '');
  const container = await exchange.engine.containers.get(parameter(exchange, 'id'));
  const id = await container.planExec(argv, execOptions(body));
  replyJson(exchange, { Id: id }, 201);
}

function execOptions(body: Fields): Omit<ExecOptions, 'terminal' | 'signal'> {
  const env = body.texts('Env');
  return defined({
    tty: body.flag('Tty'),
    stdin: body.flag('AttachStdin'),
    privileged: body.flag('Privileged'),
    user: body.text('User') || undefined,
    cwd: body.text('WorkingDir') || undefined,
    env: env && environmentOf(env),
  });
}

/**
 * A command that cannot be executed is told of in the stream, where clients look for it, and in its exit code; what else goes
 * wrong before has a status.
 */
async function start(exchange: Exchange): Promise<void> {
  const { engine, query } = exchange;
  const body = new Fields(await readLeadingJson(exchange));
  const id = parameter(exchange, 'id');
  const info = await engine.containers.inspectExec(id);
  const terminal = consoleSize(body);
  if (body.flag('Detach')) {
    await engine.containers.startExec(id, { attach: false });
    return reply(exchange, 200);
  }
  const tty = body.flag('Tty') === true;
  const detachKeys = parseDetachKeys(query.text('detachKeys'));
  const exec = await startOrFail(exchange, id, terminal);
  const session = attachSession(hijack(exchange, streamType(exchange, tty), { wantsInput: info.stdin }), {
    framed: !tty,
    stdin: info.stdin,
    stdout: true,
    stderr: true,
    tty: info.tty,
    endsStdin: true,
    detachKeys,
  });
  if (!(exec instanceof Error)) return await connectSessions(exec, [session]);
  await session.output.write('stdout', Buffer.from(`${messageOf(exec)}\r\n`));
  session.output.end();
}

async function startOrFail(
  { engine }: Exchange,
  id: string,
  terminal: TerminalSize | undefined,
): Promise<Exec | Error> {
  try {
    return await engine.containers.startExec(id, terminal ? { terminal } : {});
  } catch (error) {
    const isAnothers = ['ERR_EXEC_NOT_KNOWN', 'ERR_CONTAINER_STATE', 'ERR_CONTAINER_NOT_FOUND'] as const;
    if (isAnothers.some((code) => isEngineError(error, code))) throw error;
    return error as Error;
  }
}

async function resize(exchange: Exchange): Promise<void> {
  const { query, engine } = exchange;
  await engine.containers.resizeExec(
    parameter(exchange, 'id'),
    query.integer('h') ?? 0,
    query.integer('w') ?? 0,
  );
  reply(exchange, 200);
}

async function inspect(exchange: Exchange): Promise<void> {
  replyJson(exchange, execDocument(await exchange.engine.containers.inspectExec(parameter(exchange, 'id'))));
}
