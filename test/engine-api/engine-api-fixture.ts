import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { type EngineApi, openEngineApi } from '../../lib/engine-api/index.ts';
import { type EngineFixture, openEngineFixture } from '../containers/engine-fixture.ts';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: tests read documents of any shape
  readonly json: any;
}

export interface EngineApiFixture
  extends AsyncDisposable,
    Pick<EngineFixture, 'engine' | 'image' | 'directory'> {
  readonly api: EngineApi;
  /** The unix socket's path. */
  readonly socketPath: string;
  /** One request; a body that is an object is sent as JSON. */
  call(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  leftovers(): Promise<string[]>;
}

/** The API over an engine of its own, on a unix socket. */
export async function openEngineApiFixture(): Promise<EngineApiFixture> {
  const fixture = await openEngineFixture();
  const socketPath = join(fixture.directory, 'docker.sock');
  const api = await openEngineApi(fixture.engine, { listen: [`unix://${socketPath}`] });
  return {
    ...fixture,
    api,
    socketPath,
    call: (method, path, body, headers) => call(socketPath, method, path, body, headers),
    [Symbol.asyncDispose]: async () => {
      await api.close(0);
      await fixture[Symbol.asyncDispose]();
    },
  };
}

async function call(
  socketPath: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const isBytes = body instanceof Uint8Array || typeof body === 'string';
  const sent = body === undefined || isBytes ? body : JSON.stringify(body);
  const type = body === undefined || isBytes ? {} : { 'content-type': 'application/json' };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = request(
      { socketPath, method, path, headers: { ...type, ...headers }, agent: false },
      resolve,
    );
    outgoing.on('error', reject).end(sent);
  });
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces).toString();
  const isJson = response.headers['content-type'] === 'application/json';
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text,
    json: isJson && text !== '' && !text.trim().includes('\n') ? JSON.parse(text) : undefined,
  };
}
