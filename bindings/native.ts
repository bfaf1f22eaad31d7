import type { ErofsLayer, LayerRef, Mount } from '../lib/mount/index.ts';

/** An EROFS layer that is mounted. */
export interface NativeLayerMount {
  readonly fd: number;
  close(): void;
}

/**
 * THE type of the addon. `test/bindings/native.test.ts` fails when the addon's exports differ from these keys.
 *
 * Everything that can block runs on threads of its own and answers by promise; the rest is synchronous and takes
 * microseconds. A failed system call rejects with an Error that has `code` ("ENOENT"), `errno` (negative, as Node's), `syscall` and `path`;
 * any other failure with `code` from lib/errors' table. `bindings/errors.ts` turns both into EngineError.
 */
/**
 * Where files are copied from or to. Every path in it is resolved inside of it (openat2, RESOLVE_IN_ROOT). Either its root is
 * open already, or it is mounted for the time of the call, where nobody else sees it: `mounts` in order, as config.json has
 * them, `images` the layers of those of type "image" by destination, `hidden` covered.
 */
export type CopyTree =
  | { readonly fd: number }
  | {
      readonly mount: Mount;
      readonly hidden: readonly string[];
      readonly mounts: readonly {
        readonly destination: string;
        readonly type?: string;
        readonly source?: string;
        readonly options: readonly string[];
      }[];
      readonly images?: Readonly<Record<string, Mount>>;
      readonly readOnly: boolean;
    };

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** As stat(2) has it: `mode` with the file's type; `target` of a symbolic link. */
export interface NativeFileStatus extends FileOwner {
  readonly mode: number;
  readonly size: number;
  readonly mtimeMs: number;
  readonly target: string;
}

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
    lowers: readonly LayerRef[],
    gaps: LayerGaps,
    userNamespace?: NativeUserNamespace | null,
  ): Promise<number>;
  /**
   * Mounts an EROFS layer, detached: nobody sees it but by the descriptor that is answered. It is there until close(),
   * which may be called again, and no longer than the thread that made it. Takes some 100 microseconds.
   */
  mountLayer(index: string, tar: string): NativeLayerMount;
  /**
   * Whether a layer's files are what they were when it was committed: its tar has the digest `diffId`, and an index built
   * anew above `lowers` (top first), in the new file `scratch`, which is removed, has the same bytes. Resolves to null, or to
   * what is wrong.
   */
  verifyLayer(
    options: ErofsLayer & {
      readonly diffId: string;
      readonly chainId: string;
      readonly lowers: readonly LayerRef[];
      readonly scratch: string;
    },
  ): Promise<string | null>;
  /**
   * The first difference between two directories in overlayfs' own form, or null: contents, owners, modes, times (ns), xattrs,
   * links. `implied`: LayerGaps.implied, directories whose time is that of their making.
   */
  compareTrees(
    expected: string,
    actual: string,
    implied: readonly string[],
    userNamespace?: NativeUserNamespace | null,
  ): Promise<{ path: string; what: string } | null>;
  /**
   * Writes what an upper directory of overlayfs' has changed as a layer's tar to the new file `output` (0600, not synced).
   * The same directory makes the same bytes. `latest`: no mtime is later (seconds). The layers below are mounted for that,
   * detached. Resolves to the tar's sha256 ("sha256:<hex>": its diffId), bytes and entries. ERR_LAYER_CORRUPT.
   */
  writeLayerDiff(
    options: UpperDirectory & { readonly output: string; readonly latest?: number },
  ): Promise<{ digest: string; size: number; entries: number }>;
  /** The same as a list, sorted by path. More than `limit` are ERR_OUTPUT_TOO_LARGE. */
  listLayerChanges(options: UpperDirectory & { readonly limit: number }): Promise<NativeChange[]>;

  // pack_binding.cc
  /**
   * From a layer's tar to its blob in the new file `output` (0600, must not exist; not synced, and left there whatever
   * happens): hashed, compressed on several threads and hashed again. The same tar, compression and level make the same
   * bytes. The tar is written in chunks, or read from the file `input`.
   */
  openPacker(options: PackerOptions): Promise<NativePacker>;

  // archive_binding.cc
  /**
   * The members of a tar on disk, in its order; contents are passed over. ERR_ARCHIVE_INVALID when it is no tar, cut short,
   * has more than `maxMembers`, or one with holes.
   */
  indexTar(path: string, maxMembers: number): Promise<TarMember[]>;
  /**
   * Inflates a file into a new one (0600, not synced); `digest` and `size` are of what was written. ERR_LAYER_CORRUPT,
   * ERR_LAYER_TOO_LARGE past `maxBytes`; then `target` may be there in part.
   */
  inflateFile(options: {
    source: string;
    /** Where in the file it begins, and how many bytes it has; by default all of it. */
    offset?: number;
    size?: number;
    compression: 'gzip' | 'zstd' | 'none';
    target: string;
    maxBytes: number;
  }): Promise<{ digest: string; size: number }>;
  /**
   * Mounts (detached: nobody else sees it) and writes all that is there as a tar into a pipe, whose other end `fd` is the
   * caller's to close; closing it early ends the writing. Paths in `hidden` have no slash before or behind. `written`
   * settles when the writer has ended; it must be awaited, for a tar that just ends may be cut.
   */
  readTree(
    mount: Mount,
    hidden: readonly string[],
    userNamespace?: NativeUserNamespace | null,
  ): { fd: number; written: Promise<void> };

  // copy_binding.cc
  /** What `path` names in the tree; null when nothing does. `follow`: through a link at its end. */
  statInTree(
    tree: CopyTree,
    path: string,
    follow: boolean,
    userNamespace?: NativeUserNamespace | null,
  ): Promise<NativeFileStatus | null>;
  /**
   * Writes what `path` names, with all below it, as a tar whose first entry is called `name`, into a pipe; `fd` is the
   * caller's to close. `done` must be awaited, for a tar that just ends may be cut.
   */
  copyOut(
    tree: CopyTree,
    options: { path: string; follow: boolean; name: string; owner?: FileOwner | undefined },
    userNamespace?: NativeUserNamespace | null,
  ): { fd: number; done: Promise<void> };
  /** Makes the files of the tar that the caller writes to `fd`, and closes, below the directory `path`. See native/layer/copy_in.h. */
  copyIn(
    tree: CopyTree,
    options: { path: string; mayReplaceDirectories: boolean; owner?: FileOwner | undefined },
    userNamespace?: NativeUserNamespace | null,
  ): { fd: number; done: Promise<void> };
  /** The root directory of a process, with what is mounted there, as a descriptor (O_PATH) that is the caller's to close. */
  openProcessRoot(pid: number): number;

  // hash_binding.cc
  /** sha256 of a file from `offset` for `length` bytes (default: to its end), as hex. */
  hashFile(path: string, offset?: number, length?: number): Promise<string>;
  createHash(saved?: Uint8Array): NativeHash;

  // file_binding.cc
  /** flock(2) on a file that is created 0600 when absent. `wait: false` answers null when somebody else holds it. */
  lockFile(path: string, options: { shared: boolean; wait: boolean }): NativePromise<NativeLock | null>;
  /** Whether somebody holds it exclusively now. Synchronous; a file that does not exist is not made. */
  isLocked(path: string): boolean;
  syncFileSystem(path: string): Promise<void>;
  /** Writes beside, fsyncs (durable), renames over, fsyncs the directory (durable). */
  writeFileAtomic(
    path: string,
    data: string | Uint8Array,
    options: { mode: number; durable: boolean },
  ): Promise<void>;
  /**
   * rm -r by descriptors, crossing no mount and following no link. Absent is no error. The bytes of large files are freed
   * after it, on a thread of its own: about 40 ms a gigabyte that is cached, and at the latest when the process has ended.
   */
  removeTree(path: string, userNamespace?: NativeUserNamespace | null): Promise<void>;
  /** Waits until the file systems have back what removeTree() has removed. */
  bytesFreed(): Promise<void>;
  /**
   * sendfile(2) of `length` bytes of the file `file`, from `offset` on, to the socket `socket`, on a thread of its own; both are
   * descriptors, and may be closed meanwhile. Nobody else may write to the socket before it is done. Resolves to how many
   * went: fewer when the other side has gone, or takes nothing for `patience` milliseconds.
   */
  sendFile(socket: number, file: number, offset: number, length: number, patience: number): Promise<number>;
  /** Bytes on disk (st_blocks * 512, hard links once) and inodes below a path. */
  diskUsage(
    path: string,
    userNamespace?: NativeUserNamespace | null,
  ): Promise<{ bytes: number; inodes: number }>;

  // runtime_binding.cc
  /**
   * posix_spawn of the monitor from a read-only view of its file (CVE-2019-5736), environment empty but STRAKE_*, in a
   * session of its own, with one end of a socketpair as descriptor 3; it is reaped by the addon. Resolves to the other end.
   * One that prepareMonitor() has started is taken first.
   */
  spawnMonitor(
    monitorPath: string,
    argv: readonly string[],
    env: readonly string[],
  ): Promise<{ pid: number; fd: number }>;
  /**
   * To be called once for each start, when it is over: from the second on, a monitor is started that waits for the next one,
   * until this process ends. While a container is being started it would take a processor from that.
   */
  prepareMonitor(monitorPath: string): void;
  /** connect(2) to a unix stream socket whose path may be longer than 107 bytes. */
  connectUnix(path: string): Promise<number>;
  /** pidfd_send_signal to that very process (start time: field 22 of /proc/PID/stat). false: it is gone. */
  signalProcess(pid: number, startTime: string, signal: number): boolean;
  processStartTime(pid: number): string | null;

  // events_binding.cc
  /** One write(2) of `{"time":now,` and `rest` to the journal of `directory`, which turns over at 4 MiB. false: it failed. */
  appendEvent(directory: string, rest: string): boolean;

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
  /** `resources`: JSON of the runtime-spec's linux.resources; what it does not name stays. ERR_CGROUP_*, ERR_SPEC_INVALID. */
  updateCgroup(path: string, resources: string): Promise<void>;
  /** One reading of all counters; what a hierarchy does not have is 0. */
  cgroupStats(path: string): Promise<CgroupStats>;

  // net_binding.cc: `netns` is the path of the networks' network namespace, or '' for this program's own
  /** The subnets that are routed there, "10.0.0.0/8"; default routes are not among them. */
  hostSubnets(netns: string): Promise<string[]>;
  /**
   * Makes what is missing of the network whose record is in `directory` (native/net/network.h): bridge, addresses, rules;
   * when all rules were gone, those of all networks below `networks`. ERR_NETWORK_INTERFACE_TAKEN, ERR_NFTABLES_MISSING, ERR_IPV6_OFF.
   */
  ensureNetwork(netns: string, directory: string, networks: string): Promise<void>;
  /** Its bridge and its rules. What is gone is no error. */
  removeNetwork(netns: string, directory: string): Promise<void>;
  /** Bridges, rules and published ports of all networks below `networks`, by their records. */
  restoreNetworks(netns: string, networks: string): Promise<void>;
  /** What the monitor of a container left in the kernel when it was killed, and its record. */
  releaseEndpoint(netns: string, directory: string, container: string): Promise<void>;

  // quota_binding.cc
  /**
   * Limits what is written below empty directories of one file system to so many bytes, by a project quota of theirs.
   * ERR_STORAGE_SIZE_UNSUPPORTED.
   */
  limitSize(directories: readonly string[], bytes: number): Promise<void>;
  /** Forgets the limit of a directory that is about to be removed. What is not there is no error. */
  forgetLimit(directory: string): void;

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
  /** Of these only whether layers can be EROFS below `root`: "" or why not. Takes a millisecond or two. */
  probeErofs(root: string): string;
}

/** Bytes, nanoseconds, counts since the group was made. */
export interface CgroupStats {
  readonly cpuUsage: number;
  readonly cpuUser: number;
  readonly cpuSystem: number;
  readonly periods: number;
  readonly throttledPeriods: number;
  readonly throttledTime: number;
  readonly memoryUsage: number;
  /** Without a limit: 0 (v2), or more than any machine has (v1). */
  readonly memoryLimit: number;
  readonly memoryPeak: number;
  /** Of memoryUsage: page cache that has not been used lately. */
  readonly memoryCache: number;
  readonly swapUsage: number;
  readonly pids: number;
  /** 0: none. */
  readonly pidsLimit: number;
  readonly readBytes: number;
  readonly writeBytes: number;
  readonly readOperations: number;
  readonly writeOperations: number;
  readonly oomKills: number;
}

export type NativePromise<T> = Promise<T>;
export type Capability =
  | 'root'
  | 'overlay'
  | 'overlayByFd'
  | 'erofs'
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

/** A member of an archive of files. Names are as they were written, not to be trusted. */
export interface TarMember {
  readonly type: 'file' | 'hardLink' | 'symlink' | 'directory' | 'other';
  readonly path: string;
  /** Of links. */
  readonly target: string;
  /** Where a file's bytes are in the archive. */
  readonly offset: number;
  readonly size: number;
}

/**
 * What a layer's tar becomes: the files of an existing empty directory, in overlayfs' own form (whiteouts as char 0/0,
 * opaque as xattr); or itself, in a new file, which is on the disk when it has been read, and an index of it.
 */
export type LayerTarget = { readonly directory: string } | { readonly tar: string };

/** What was read of a tar that is kept, held in memory (about 100 bytes a file) until it is written. */
export interface NativeLayerIndex {
  /**
   * Writes it to the new file `index`, with what the layers below (`lowers`, top first) say of it: see
   * completeLayer. Once, and nothing is synced. `size` in bytes; `root`: of the layer's root directory. ERR_LAYER_CORRUPT, ERR_LAYER_TOO_LARGE.
   */
  write(
    options: ErofsLayer & {
      readonly diffId: string;
      readonly chainId: string;
      readonly lowers: readonly LayerRef[];
    },
  ): Promise<{ size: number; root: { mode: number; uid: number; gid: number } }>;
}

export interface LayerSinkOptions {
  /** File that collects the compressed bytes, so that a cut or killed download resumes. What it holds already is fed first. */
  partial: string;
  /**
   * `partial` is a file that has all of the blob's bytes from this offset on: they are read there, nothing is written to it,
   * and finish() may be called at once.
   */
  stored?: number;
  /** Of the compressed blob, in bytes; more or fewer is ERR_BLOB_SIZE_MISMATCH. */
  size: number;
  /** sha256 of the compressed blob, "sha256:<hex>"; ERR_BLOB_DIGEST_MISMATCH. */
  digest: string;
  compression: 'gzip' | 'zstd' | 'none';
  /** sha256 of the tar; ERR_LAYER_DIFF_ID_MISMATCH. */
  diffId: string;
  target: LayerTarget;
  /** ERR_LAYER_TOO_LARGE past either. */
  limits: { maxBytes: number; maxEntries: number };
  /** Whose root makes the files of `target`. Default: this process. */
  userNamespace?: NativeUserNamespace | null;
}

/** What was written above some layers, in overlayfs' own form. */
export interface UpperDirectory {
  readonly upper: string;
  /** The layers below, read-only; null: nothing. */
  readonly below: Mount | null;
  /** Paths where the engine mounts something of its own: the empty files and directories there are its doing. */
  readonly mountPoints: readonly string[];
  /** Whose root may mount and read them. Default: this process. */
  readonly userNamespace?: NativeUserNamespace | null;
}

export interface NativeChange {
  readonly kind: 'added' | 'changed' | 'removed';
  /** With a slash in front. */
  readonly path: string;
}

/** What a layer's tar alone does not say. */
export interface LayerGaps {
  /** Directories that no entry named, parents first, "." for the root. */
  readonly implied: readonly string[];
  /** Whether there may be whiteouts: those that hide nothing are removed. */
  readonly whiteouts: boolean;
  /** Hard links to what no entry of this layer made, in the tar's order. */
  readonly links: readonly { readonly path: string; readonly target: string }[];
}

/** How a tar went through a sink. */
export interface UnpackedTar extends LayerGaps {
  readonly entries: number;
  /** Of file contents, in a directory. */
  readonly bytes: number;
  readonly tarBytes: number;
  /** When the target is a tar; `implied` and `links` are empty then. */
  readonly index: NativeLayerIndex | null;
}

export interface NativeLayerSink {
  /** Bytes that `partial` held already: the download begins here. */
  readonly offset: number;
  /** Copies the chunk into a bounded queue. Resolves when there is room for more; rejects as soon as the pipeline has failed. */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * No more bytes: verifies size, digest and diffId. Nothing is synced and nothing named: that is the snapshotter's to do.
   * When `offset` was > 0, any failure of kind "corrupt" may be the partial file's fault: remove it and begin once more.
   */
  finish(): Promise<UnpackedTar>;
  /** Stops the threads; `partial` then has every byte that was written, for a later resume. Idempotent; also after a failure. */
  abort(): Promise<void>;
}

export interface PackerOptions {
  output: string;
  /** File with the tar, packed as `inputCompression` says (default: not at all); absent: write() takes it. */
  input?: string;
  inputCompression?: 'gzip' | 'zstd' | 'none';
  compression: 'gzip' | 'zstd' | 'none';
  /** gzip 1 to 9 (default 3; ISA-L's up to 3, zlib's above), zstd 1 to 19 (default 3). ERR_INVALID_ARGUMENT. */
  level?: number;
  /** Default: one for each processor, at most eight. */
  threads?: number;
}

export interface NativePacker {
  /** As NativeLayerSink.write. */
  write(chunk: Uint8Array): Promise<void>;
  /** No more bytes: waits for the blob. */
  finish(): Promise<PackedLayer>;
  /** Stops the threads; finish() then rejects with ERR_ABORTED. Idempotent. */
  abort(): Promise<void>;
}

/** Digests are "sha256:<hex>": `diffId` of the tar, `digest` of the blob. Sizes in bytes. */
export interface PackedLayer {
  readonly diffId: string;
  readonly digest: string;
  readonly tarBytes: number;
  readonly size: number;
}

export interface NativeHash {
  update(chunk: Uint8Array): void;
  digest(): string;
  /** What createHash() needs to go on from here, in any process: at most 103 bytes. */
  save(): Buffer;
}

export interface NativeLock {
  release(): void;
}
