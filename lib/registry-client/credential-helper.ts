import { type ChildProcess, spawn } from 'node:child_process';
import { EngineError } from '../errors/index.ts';
import type { Credentials } from './credentials.ts';

/** Milliseconds for a helper to answer; some ask a cloud's service first. */
const timeout = 30_000;
const maxOutput = 1024 * 1024;

/** How a helper is run. `timeout`: milliseconds, 30 s by default. */
export interface HelperOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal | undefined;
  readonly timeout?: number;
}

/**
 * Asks `docker-credential-<name> get` for what is stored for a server (the protocol of docker-credential-helpers: the
 * server's URL on stdin, JSON on stdout). Undefined when nothing is stored.
 * @throws EngineError ERR_CREDENTIALS_INVALID when there is no such program, it fails, is silent for 30 s, or answers
 * something else; ERR_ABORTED
 */
export async function runCredentialHelper(
  name: string,
  server: string,
  options: HelperOptions,
): Promise<Credentials | undefined> {
  const { program, output } = await runVerb(name, 'get', server, options);
  return output === undefined ? undefined : parseAnswer(program, output);
}

/**
 * Has `docker-credential-<name> store` keep a name and password for a server.
 * @throws EngineError ERR_CREDENTIALS_INVALID, as above; ERR_ABORTED
 */
export async function storeWithHelper(
  name: string,
  server: string,
  login: { readonly username: string; readonly password: string },
  options: HelperOptions,
): Promise<void> {
  const entry = { ServerURL: server, Username: login.username, Secret: login.password };
  await runVerb(name, 'store', JSON.stringify(entry), options);
}

/** Has `docker-credential-<name> erase` forget a server. Whether it knew it. @throws as above */
export async function eraseWithHelper(
  name: string,
  server: string,
  options: HelperOptions,
): Promise<boolean> {
  return (await runVerb(name, 'erase', server, options)).output !== undefined;
}

/** Its output; undefined when it says that it has no such credentials. */
async function runVerb(
  name: string,
  verb: 'get' | 'store' | 'erase',
  input: string,
  options: HelperOptions,
): Promise<{ program: string; output: string | undefined }> {
  const program = `docker-credential-${name}`;
  if (!/^[A-Za-z0-9._-]+$/.test(name)) throw failed(program, 'its name has characters that no helper has');
  const { status, output, errors } = await run(program, verb, input, options);
  if (status === 0) return { program, output };
  if (/credentials not found/i.test(output + errors)) return { program, output: undefined };
  throw failed(program, (errors || output).trim().slice(0, 300) || `it ended with status ${status}`);
}

function parseAnswer(program: string, output: string): Credentials | undefined {
  const answer = parseObject(output);
  const { Username: username, Secret: secret } = answer;
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw failed(program, 'its answer has no Username and Secret');
  }
  if (secret === '') return undefined;
  if (username === '<token>') return { type: 'identityToken', token: secret, source: program };
  return { type: 'password', username, password: secret, source: program };
}

function parseObject(output: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(output));
  } catch {
    return {};
  }
}

interface Outcome {
  readonly status: number | null;
  readonly output: string;
  readonly errors: string;
}

async function run(program: string, verb: string, input: string, options: HelperOptions): Promise<Outcome> {
  const limit = options.timeout ?? timeout;
  const child = spawn(program, [verb], {
    env: options.env,
    stdio: 'pipe',
    timeout: limit,
    killSignal: 'SIGKILL',
  });
  const stop = () => child.kill('SIGKILL');
  options.signal?.addEventListener('abort', stop, { once: true });
  try {
    const outcome = collect(child);
    child.stdin?.on('error', () => undefined).end(`${input}\n`);
    const result = await outcome;
    if (options.signal?.aborted) {
      throw new EngineError('ERR_ABORTED', 'the transfer was cancelled', { cause: options.signal.reason });
    }
    if (result.status === null)
      throw failed(program, `it did not answer within ${limit / 1000} s, or was killed`);
    return result;
  } catch (cause) {
    throw explain(program, cause);
  } finally {
    options.signal?.removeEventListener('abort', stop);
  }
}

function collect(child: ChildProcess): Promise<Outcome> {
  const text = { output: '', errors: '' };
  const append = (name: 'output' | 'errors') => (chunk: Buffer) => {
    text[name] += chunk.toString('utf8');
    if (text[name].length > maxOutput) child.kill('SIGKILL');
  };
  child.stdout?.on('data', append('output'));
  child.stderr?.on('data', append('errors'));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (status) => resolve({ status, ...text }));
  });
}

function explain(program: string, cause: unknown): unknown {
  if (cause instanceof EngineError) return cause;
  const { code, message } = cause as NodeJS.ErrnoException;
  return failed(program, code === 'ENOENT' ? 'there is no such program on the PATH' : message, cause);
}

function failed(program: string, reason: string, cause?: unknown): EngineError {
  return new EngineError(
    'ERR_CREDENTIALS_INVALID',
    `the credential helper ${program} failed: ${reason}; mend it, or remove it from Docker's config.json and log in again`,
    { cause, details: { program } },
  );
}
