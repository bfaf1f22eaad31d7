/** native/net as the library sees it. `netns`: a path, or '' for this program's own namespace. Failures are EngineErrors (errors.ts). */
import { fromNative } from './errors.ts';
import { native } from './load.ts';

/** See NativeAddon.hostSubnets. */
export function hostSubnets(netns: string): Promise<string[]> {
  return fromNative(() => native.hostSubnets(netns));
}

/** See NativeAddon.ensureNetwork. */
export function ensureNetwork(netns: string, directory: string, networks: string): Promise<void> {
  return fromNative(() => native.ensureNetwork(netns, directory, networks));
}

/** See NativeAddon.removeNetwork. */
export function removeNetwork(netns: string, directory: string): Promise<void> {
  return fromNative(() => native.removeNetwork(netns, directory));
}

/** See NativeAddon.restoreNetworks. */
export function restoreNetworks(netns: string, networks: string): Promise<void> {
  return fromNative(() => native.restoreNetworks(netns, networks));
}

/** See NativeAddon.releaseEndpoint. */
export function releaseEndpoint(netns: string, directory: string, container: string): Promise<void> {
  return fromNative(() => native.releaseEndpoint(netns, directory, container));
}
