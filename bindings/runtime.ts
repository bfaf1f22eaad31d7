/** native/addon/runtime_binding.cc as the library sees it: monitors and processes. Failures are EngineErrors (errors.ts). */
import { fromNative, toEngineError } from './errors.ts';
import { native, nativeFile } from './load.ts';

/**
 * Starts a monitor (default: the package's own). See NativeAddon.spawnMonitor.
 * @returns the connected socket's descriptor, the caller's to close
 */
export async function spawnMonitor(
  argv: readonly string[],
  env: readonly string[],
  program?: string,
): Promise<number> {
  const path = program ?? nativeFile('strake-monitor');
  return (await fromNative(() => native.spawnMonitor(path, argv, env))).fd;
}

/** Starts a monitor for the next start. See NativeAddon.prepareMonitor. */
export function prepareMonitor(program?: string): void {
  native.prepareMonitor(program ?? nativeFile('strake-monitor'));
}

/**
 * Connects to a unix stream socket. See NativeAddon.connectUnix.
 * @returns the descriptor, the caller's to close, or null when nobody listens there
 */
export async function connectUnix(path: string): Promise<number | null> {
  return await fromNative(async () => {
    try {
      return await native.connectUnix(path);
    } catch (error) {
      if (nobodyThere.has((error as NodeJS.ErrnoException).code ?? '')) return null;
      throw error;
    }
  });
}

/** Sends a signal to that very process. False: it is gone. See NativeAddon.signalProcess. */
export function signalProcess(pid: number, startTime: string, signal: number): boolean {
  try {
    return native.signalProcess(pid, startTime, signal);
  } catch (error) {
    throw toEngineError(error);
  }
}

/** Field 22 of /proc/PID/stat, or null when there is no such process. See NativeAddon.processStartTime. */
export function processStartTime(pid: number): string | null {
  return native.processStartTime(pid);
}

const nobodyThere: ReadonlySet<string> = new Set(['ENOENT', 'ENOTDIR', 'ECONNREFUSED']);
