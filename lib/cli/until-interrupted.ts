import { stderr } from './output.ts';
import { ExitCode } from './report-error.ts';

/**
 * Work that ctrl-c aborts in an orderly way: `said` tells what became of it, and the exit code is 130. What else it fails
 * with is thrown.
 */
export async function untilInterrupted<T>(
  said: string,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const abort = new AbortController();
  const stop = () => abort.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  try {
    return await work(abort.signal);
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    stderr().write(`strake: ${said}\n`);
    throw new ExitCode(130);
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
}
