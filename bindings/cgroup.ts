/** native/cgroup as the library sees it. Failures are EngineErrors (errors.ts). */
import { fromNative } from './errors.ts';
import { native } from './load.ts';
import type { CgroupStats } from './native.ts';

export type { CgroupStats } from './native.ts';

/** See NativeAddon.cgroupLayout. */
export function cgroupLayout(): 'none' | 'v1' | 'hybrid' | 'v2' {
  return native.cgroupLayout();
}

/** See NativeAddon.cgroupDelegation. */
export function cgroupDelegation(): { delegated: boolean; controllers: string[] } {
  return native.cgroupDelegation();
}

/** See NativeAddon.freezeCgroup. */
export function freezeCgroup(path: string): Promise<void> {
  return fromNative(() => native.freezeCgroup(path));
}

/** See NativeAddon.thawCgroup. */
export function thawCgroup(path: string): Promise<void> {
  return fromNative(() => native.thawCgroup(path));
}

/** See NativeAddon.killCgroup. */
export function killCgroup(path: string): Promise<void> {
  return fromNative(() => native.killCgroup(path));
}

/** See NativeAddon.removeCgroup. */
export function removeCgroup(path: string): Promise<void> {
  return fromNative(() => native.removeCgroup(path));
}

/** See NativeAddon.cgroupProcesses. */
export function cgroupProcesses(path: string): Promise<number[]> {
  return fromNative(() => native.cgroupProcesses(path));
}

/** See NativeAddon.updateCgroup. */
export function updateCgroup(path: string, resources: object): Promise<void> {
  return fromNative(() => native.updateCgroup(path, JSON.stringify(resources)));
}

/** See NativeAddon.cgroupStats. */
export function cgroupStats(path: string): Promise<CgroupStats> {
  return fromNative(() => native.cgroupStats(path));
}
