import type { Capability } from '../../bindings/native.ts';

export interface SystemInfo {
  readonly root: string;
  readonly runDir: string;
  readonly containers: {
    readonly total: number;
    readonly running: number;
    readonly paused: number;
    readonly stopped: number;
  };
  readonly images: number;
  readonly kernel: string;
  readonly operatingSystem: string;
  readonly architecture: string;
  readonly cpus: number;
  /** Bytes. */
  readonly memory: number;
  readonly hostname: string;
  readonly cgroupLayout: 'none' | 'v1' | 'hybrid' | 'v2';
  readonly snapshotter: string;
  /** What this kernel and this user can do; `reason` says why not and what would help. */
  readonly capabilities: Readonly<Record<Capability, { ok: boolean; reason?: string }>>;
}

export interface SystemVersion {
  readonly version: string;
  readonly node: string;
  readonly platform: string;
  readonly native: Readonly<Record<string, string>>;
}

export interface System {
  info(options?: { signal?: AbortSignal | undefined }): Promise<SystemInfo>;
  version(): SystemVersion;
}
