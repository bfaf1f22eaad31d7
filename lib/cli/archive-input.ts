import { EngineError } from '../errors/index.ts';
import type { Cli } from './cli.ts';
import { untilInterrupted } from './until-interrupted.ts';

/**
 * What a command reads: a path (by default, or for `-`, the bytes on stdin). A terminal has none to give.
 * @throws EngineError ERR_INVALID_ARGUMENT, in docker's words
 */
export function archiveInput(path: string | undefined, verb: string): string | AsyncIterable<Uint8Array> {
  if (path !== undefined && path !== '-') return path;
  if (process.stdin.isTTY) {
    throw new EngineError('ERR_INVALID_ARGUMENT', `requested ${verb} from stdin, but stdin is empty`);
  }
  return process.stdin;
}

/** Does something that ctrl-c and SIGTERM abort; the code is then 130. */
export async function interruptible(
  cli: Cli,
  verb: string,
  work: (engine: Awaited<ReturnType<Cli['engine']>>, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const engine = await cli.engine();
  await untilInterrupted(`${verb} interrupted; nothing is left of it`, (signal) => work(engine, signal));
}
