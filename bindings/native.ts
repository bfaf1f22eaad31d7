/**
 * THE type of the addon. `test/bindings/native.test.ts` fails when the addon's exports differ from these keys.
 *
 * Everything that can block runs on threads of its own and answers by promise; the rest is synchronous and takes
 * microseconds. A failed system call rejects with an Error that has `code` ("ENOENT"), `errno` (negative, as Node's), `syscall` and `path`;
 * any other failure with `code` from lib/errors' table. `bindings/errors.ts` turns both into EngineError.
 */
export interface NativeAddon {
  /** Versions of what is linked in, to show and to prove that nothing replaced it. */
  readonly versions: Readonly<Record<'strake' | 'zlib' | 'zstd' | 'isal' | 'sha256', string>>;

  // layer_binding.cc
  openLayerSink(options: LayerSinkOptions): Promise<NativeLayerSink>;
  /**
   * What a layer's tar left open, answered by the layers below (`lowers`, top first). The directories that it only implied
   * (it named `a/b` but not `a/`) get the owner, mode, times and xattrs that they have below; what stands where the layers
   * below have a symlink (`lib/x` above `lib -> usr/lib`) is moved to where that leads, within the root. Files below that a
   * hard link leads to are copied up and linked; ERR_LAYER_CORRUPT when there is none. An opaque root becomes a whiteout
   * of every name below. Resolves to the bytes that were copied.
   */
  completeLayer(
    target: string,
    lowers: readonly string[],
    gaps: LayerGaps,
    userNamespace?: NativeUserNamespace | null,
  ): Promise<number>;

  // hash_binding.cc
  /** sha256 of a file from `offset` for `length` bytes (default: to its end), as hex. */
  hashFile(path: string, offset?: number, length?: number): Promise<string>;
  createHash(): NativeHash;

  // file_binding.cc
  /** flock(2) on a file that is created 0600 when absent. `wait: false` answers null when somebody else holds it. */
  lockFile(path: string, options: { shared: boolean; wait: boolean }): NativePromise<NativeLock | null>;
  syncFileSystem(path: string): Promise<void>;
  /** Writes beside, fsyncs (durable), renames over, fsyncs the directory (durable). */
  writeFileAtomic(
    path: string,
    data: string | Uint8Array,
    options: { mode: number; durable: boolean },
  ): Promise<void>;
  /** rm -r by descriptors, crossing no mount and following no link. Absent is no error. */
  removeTree(path: string, userNamespace?: NativeUserNamespace | null): Promise<void>;
  /** Bytes on disk (st_blocks * 512, hard links once) and inodes below a path. */
  diskUsage(
    path: string,
    userNamespace?: NativeUserNamespace | null,
  ): Promise<{ bytes: number; inodes: number }>;

  // runtime_binding.cc
  /**
   * posix_spawn of the monitor from a read-only view of its file (CVE-2019-5736), environment empty but STRAKE_*, in a
   * session of its own, with one end of a socketpair as descriptor 3; it is reaped by the addon. Resolves to the other end.
   * From the second start of a program on, one more is started that waits for the next, until this process ends.
   */
  spawnMonitor(
    monitorPath: string,
    argv: readonly string[],
    env: readonly string[],
  ): Promise<{ pid: number; fd: number }>;
  /** connect(2) to a unix stream socket whose path may be longer than 107 bytes. */
  connectUnix(path: string): Promise<number>;
  /** pidfd_send_signal to that very process (start time: field 22 of /proc/PID/stat). false: it is gone. */
  signalProcess(pid: number, startTime: string, signal: number): boolean;
  processStartTime(pid: number): string | null;

  // cgroup_binding.cc: a group is named as in task.json ("strake/ID"); an absent one is empty
  cgroupLayout(): 'none' | 'v1' | 'hybrid' | 'v2';
  /** Whether this process may make groups at all, and with which controllers: root, or by delegation (cgroups(7)). */
  cgroupDelegation(): { delegated: boolean; controllers: string[] };
  /** Resolves when everything inside stands still. ERR_CGROUP_FAILED after 2 s, thawed; ERR_CGROUP_CONTROLLER_MISSING. */
  freezeCgroup(path: string): Promise<void>;
  thawCgroup(path: string): Promise<void>;
  /** SIGKILL to everything inside, frozen or not; resolves when nothing is left. ERR_CGROUP_FAILED after 10 s. */
  killCgroup(path: string): Promise<void>;
  /** With child groups; waits up to 2 s for processes that are dying, then rejects with EBUSY. */
  removeCgroup(path: string): Promise<void>;
  /** Pids, of child groups too. */
  cgroupProcesses(path: string): Promise<number[]>;

  // user_namespace_binding.cc: where a function takes one, its files are made, seen and removed as its root does
  /**
   * A user namespace that nobody is in. By newuidmap(1) where this user may not map by himself. ERR_NO_SUBORDINATE_IDS,
   * ERR_NAMESPACE_FAILED.
   */
  makeUserNamespace(map: NativeIdMap): Promise<NativeUserNamespace>;
  /** lchown(2), by the ids that the namespace has inside. */
  setOwner(path: string, uid: number, gid: number, userNamespace?: NativeUserNamespace | null): Promise<void>;

  // probe_binding.cc
  /** What this kernel and this user can do, probed by doing it. `reason` says why not and what would help. */
  probe(root: string): Promise<Readonly<Record<Capability, { ok: boolean; reason?: string }>>>;
}

export type NativePromise<T> = Promise<T>;
export type Capability =
  | 'root'
  | 'overlay'
  | 'overlayByFd'
  | 'userNamespaces'
  | 'idmappedMounts'
  | 'seccomp'
  | 'cgroups'
  | 'raiseLimits';

/** A user namespace that lives as long as this value. */
export interface NativeUserNamespace {
  readonly [userNamespace]: true;
}
declare const userNamespace: unique symbol;

/** The maps of a user namespace (user_namespaces(7)): `size` ids from `containerID` inside are `hostID`… outside. */
export interface NativeIdMap {
  readonly uids: readonly NativeIdRange[];
  readonly gids: readonly NativeIdRange[];
}

/** See NativeIdMap. The names are those of the OCI runtime-spec. */
export interface NativeIdRange {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface LayerSinkOptions {
  /** File that collects the compressed bytes, so that a cut or killed download resumes. What it holds already is fed first. */
  partial: string;
  /** Of the compressed blob, in bytes; more or fewer is ERR_BLOB_SIZE_MISMATCH. */
  size: number;
  /** sha256 of the compressed blob, "sha256:<hex>"; ERR_BLOB_DIGEST_MISMATCH. */
  digest: string;
  compression: 'gzip' | 'zstd' | 'none';
  /** sha256 of the tar; ERR_LAYER_DIFF_ID_MISMATCH. */
  diffId: string;
  /** Existing empty directory that becomes the layer in overlayfs' own form (whiteouts as char 0/0, opaque as xattr). */
  target: string;
  /** ERR_LAYER_TOO_LARGE past either. */
  limits: { maxBytes: number; maxEntries: number };
  /** Whose root makes the files of `target`. Default: this process. */
  userNamespace?: NativeUserNamespace | null;
}

/** What a layer's tar alone does not say. */
export interface LayerGaps {
  /** Directories that no entry named, parents first, "." for the root. */
  readonly implied: readonly string[];
  /** Hard links to what no entry of this layer made, in the tar's order. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

export interface NativeLayerSink {
  /** Bytes that `partial` held already: the download begins here. */
  readonly offset: number;
  /** Copies the chunk into a bounded queue. Resolves when there is room for more; rejects as soon as the pipeline has failed. */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * No more bytes: verifies size, digest and diffId. Nothing is synced and nothing named: that is the snapshotter's to do.
   * When `offset` was > 0, any failure of kind "corrupt" may be the partial file's fault: remove it and begin once more.
   * `bytes`: of file contents.
   */
  finish(): Promise<{ entries: number; bytes: number; tarBytes: number } & LayerGaps>;
  /** Stops the threads; `partial` then has every byte that was written, for a later resume. Idempotent; also after a failure. */
  abort(): Promise<void>;
}

export interface NativeHash {
  update(chunk: Uint8Array): void;
  digest(): string;
}

export interface NativeLock {
  release(): void;
}
