import { readFileSync } from 'node:fs';
import { removeTree } from '../../bindings/files.ts';
import { makeUserNamespace, type NativeUserNamespace, setOwner } from '../../bindings/user-namespace.ts';
import { isEngineError } from '../errors/index.ts';
import { type IdMap, insideOf } from './id-map.ts';

/** The ids of the containers of one engine, and what is done to files that belong to them. */
export interface Ids {
  /** null: inside and outside are the same, and this process may do everything itself. */
  readonly map: IdMap | null;
  /**
   * Whether what overlayfs records is in user.overlay.*: in any user namespace but the machine's first nobody may set trusted.*
   * attributes, root of an outer container included.
   */
  readonly userxattr: boolean;
  /**
   * For native calls that write such files. Made when it is first asked for; null without a map. ERR_NO_SUBORDINATE_IDS,
   * ERR_NAMESPACE_FAILED.
   */
  namespace(): Promise<NativeUserNamespace | null>;
  /** What an owner outside is inside; 0 for one that has no id there. */
  inside(owner: { readonly uid: number; readonly gid: number }): { uid: number; gid: number };
  /** chown(2) by ids inside. */
  setOwner(path: string, owner: { readonly uid: number; readonly gid: number }): Promise<void>;
  /** As bindings/files.ts' removeTree, whoever owns what is below. */
  removeTree(path: string): Promise<void>;
}

let inFirst: boolean | undefined;

/** Of an engine that root runs. */
export const hostIds: Ids = {
  map: null,
  get userxattr() {
    inFirst ??= isFirstUserNamespace();
    return !inFirst;
  },
  namespace: async () => null,
  inside: ({ uid, gid }) => ({ uid, gid }),
  setOwner: (path, { uid, gid }) => setOwner(path, uid, gid),
  removeTree: (path) => removeTree(path),
};

/** Of an engine whose containers have ids by a map. */
export function mappedIds(map: IdMap): Ids {
  let made: Promise<NativeUserNamespace> | undefined;
  const namespace = () => {
    made ??= makeUserNamespace(map).catch((error: unknown) => {
      made = undefined; // it may succeed when the remedy has been taken
      throw error;
    });
    return made;
  };
  return {
    map,
    userxattr: true,
    namespace,
    inside: ({ uid, gid }) => ({ uid: insideOf(map.uids, uid) ?? 0, gid: insideOf(map.gids, gid) ?? 0 }),
    setOwner: async (path, { uid, gid }) => setOwner(path, uid, gid, await namespace()),
    // Most of what is removed is the user's own, and a namespace takes milliseconds to make.
    removeTree: async (path) => {
      try {
        await removeTree(path);
      } catch (error) {
        if (!isEngineError(error, 'ERR_PERMISSION')) throw error;
        await removeTree(path, await namespace());
      }
    },
  };
}

/** All ids are there, and are what they are outside (user_namespaces(7)). */
function isFirstUserNamespace(): boolean {
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
}
