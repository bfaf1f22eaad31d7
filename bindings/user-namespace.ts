/** native/sys/user_namespace as the library sees it. Failures are EngineErrors (errors.ts). */
import { fromNative } from './errors.ts';
import { native } from './load.ts';
import type { NativeIdMap, NativeUserNamespace } from './native.ts';

export type { NativeIdMap, NativeIdRange, NativeUserNamespace } from './native.ts';

/** See NativeAddon.makeUserNamespace. */
export function makeUserNamespace(map: NativeIdMap): Promise<NativeUserNamespace> {
  return fromNative(() => native.makeUserNamespace(map));
}

/** See NativeAddon.setOwner. */
export function setOwner(
  path: string,
  uid: number,
  gid: number,
  userNamespace: NativeUserNamespace | null = null,
): Promise<void> {
  return fromNative(() => native.setOwner(path, uid, gid, userNamespace));
}
