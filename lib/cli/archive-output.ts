import { EngineError } from '../errors/index.ts';
import { writeWhole } from '../scratch/index.ts';
import { stdout } from './output.ts';

/**
 * Refuses to fill a screen with an archive, before anything else is done.
 * @throws EngineError ERR_INVALID_ARGUMENT, in docker's words
 */
export function refuseTerminal(output: string | undefined): void {
  if (output !== undefined || !process.stdout.isTTY) return;
  throw new EngineError(
    'ERR_INVALID_ARGUMENT',
    'cowardly refusing to save to a terminal. Use the -o flag or redirect',
  );
}

/** Writes bytes to a file (0600), which appears whole or not at all, or to stdout. */
export async function writeOutput(
  bytes: AsyncIterable<Uint8Array>,
  output: string | undefined,
): Promise<void> {
  return output === undefined ? writeStdout(bytes) : writeWhole(output, bytes, { mode: 0o600 });
}

async function writeStdout(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  // A reader that has gone is an error of the stream, for which the main program ends.
  for await (const piece of bytes)
    await new Promise<void>((written) => stdout().write(piece, () => written()));
}
