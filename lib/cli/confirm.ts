import { createInterface } from 'node:readline/promises';
import { ExitCode } from './report-error.ts';

/** Asks on the terminal, as docker does; whatever is not yes ends the program with 1, nothing having been done. */
export async function confirm(warning: string): Promise<void> {
  const lines = createInterface({ input: process.stdin, output: process.stdout });
  try {
    const answer = await Promise.race([
      lines.question(`WARNING! ${warning}\nAre you sure you want to continue? [y/N] `),
      new Promise<string>((resolve) => lines.once('close', () => resolve(''))),
    ]);
    if (!/^y(es)?$/i.test(answer.trim())) throw new ExitCode(1);
  } finally {
    lines.close();
  }
}
