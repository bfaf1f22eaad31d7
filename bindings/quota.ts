/** native/sys/project_quota as the library sees it. Failures are EngineErrors (errors.ts). */
import { fromNative } from './errors.ts';
import { native } from './load.ts';

/** See NativeAddon.limitSize. */
export function limitSize(directories: readonly string[], bytes: number): Promise<void> {
  return fromNative(() => native.limitSize(directories, bytes));
}

/** See NativeAddon.forgetLimit. */
export function forgetLimit(directory: string): void {
  native.forgetLimit(directory);
}
