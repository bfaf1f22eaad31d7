import { statSync } from 'node:fs';
import { open, rename, rm, writeFile } from 'node:fs/promises';
import { EngineError } from '../errors/index.ts';

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
  if (output === undefined) return writeStdout(bytes);
  if (isSpecial(output)) return writeFile(output, bytes);
  const draft = `${output}.tmp-${process.pid}`;
  const file = await open(draft, 'wx', 0o600);
  try {
    for await (const piece of bytes) await file.appendFile(piece);
    await file.close();
    await rename(draft, output);
  } catch (error) {
    await file.close();
    await rm(draft, { force: true });
    throw error;
  }
}

/** A device or a pipe is written to, not replaced. */
function isSpecial(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false });
  return found !== undefined && !found.isFile() && !found.isDirectory();
}

async function writeStdout(bytes: AsyncIterable<Uint8Array>): Promise<void> {
  // A reader that has gone is an error of the stream, for which the main program ends.
  for await (const piece of bytes)
    await new Promise<void>((written) => process.stdout.write(piece, () => written()));
}
