import { native } from './load.ts';

/** See NativeAddon.cgroupLayout. */
export function cgroupLayout(): 'none' | 'v1' | 'hybrid' | 'v2' {
  return native.cgroupLayout();
}

/** See NativeAddon.freezeCgroup. */
export function freezeCgroup(path: string): Promise<void> {
  return native.freezeCgroup(path);
}

/** See NativeAddon.thawCgroup. */
export function thawCgroup(path: string): Promise<void> {
  return native.thawCgroup(path);
}

/** See NativeAddon.killCgroup. */
export function killCgroup(path: string): Promise<void> {
  return native.killCgroup(path);
}

/** See NativeAddon.removeCgroup. */
export function removeCgroup(path: string): Promise<void> {
  return native.removeCgroup(path);
}

/** See NativeAddon.cgroupProcesses. */
export function cgroupProcesses(path: string): Promise<number[]> {
  return native.cgroupProcesses(path);
}
