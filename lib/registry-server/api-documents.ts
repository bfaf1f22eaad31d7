/**
 * The documents of the registry's own API (`/api/v1`, docs/registry.md): what the page in `web/` shows, and programs read. Sizes
 * are bytes, times ISO 8601; what is absent is unknown or not there.
 */

/** `GET /api/v1/session` */
export interface SessionDocument {
  /** Absent: nobody has logged in. */
  readonly name?: string;
  readonly isAdmin: boolean;
  /** Whether there is something that not everybody may do. */
  readonly mustLogin: boolean;
  /** Of a session: whatever changes something needs it as X-CSRF-Token. */
  readonly csrfToken?: string;
}

/** One page of a list. */
export interface Listed<T> {
  readonly items: readonly T[];
  /** How many there are on all pages. */
  readonly total: number;
}

/** `GET /api/v1/repositories?q=TEXT&from=N&n=N` */
export interface RepositorySummary {
  readonly name: string;
  readonly tags: number;
  /** Of its blobs and manifests, each once; others may share them. Absent from a list: it has not been summed up yet. */
  readonly bytes?: number;
  /** When a tag was set last; absent where there are more than a thousand. */
  readonly updatedAt?: string;
  /** Of which upstream it is a part. */
  readonly mirrorOf?: string;
}

/** `GET /api/v1/repositories/NAME` */
export interface RepositoryDocument extends RepositorySummary {
  readonly bytes: number;
  readonly manifests: number;
  /** What the asker may do with it. */
  readonly may: { readonly push: boolean; readonly delete: boolean };
}

/** `signature`, `sbom` and `attestation` are told from others by their artifact type, or by cosign's tags. */
export type ManifestKind = 'image' | 'index' | 'signature' | 'sbom' | 'attestation' | 'artifact';

/** `GET /api/v1/repositories/NAME/tags?q=TEXT&from=N&n=N`, those that were set last first */
export interface TagSummary {
  readonly tag: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly kind: ManifestKind;
  /** Of config and layers, of all platforms. */
  readonly bytes: number;
  /** `linux/amd64` */
  readonly platforms: readonly string[];
  readonly setAt?: string;
  readonly isImmutable: boolean;
  /** Signatures and the like. */
  readonly referrers: number;
}

/** `GET /api/v1/repositories/NAME/manifests/REFERENCE` */
export interface ManifestDetail {
  readonly repository: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly kind: ManifestKind;
  /** Of the manifest itself. */
  readonly size: number;
  /** Of config and layers, of all platforms. */
  readonly bytes: number;
  readonly tags: readonly string[];
  readonly artifactType?: string;
  readonly annotations: Readonly<Record<string, string>>;
  /** What it is about. */
  readonly subject?: string;
  /** Of an image. */
  readonly image?: ImageDetail;
  /** Of what is no image: its blobs. */
  readonly blobs: readonly BlobDetail[];
  /** Of an index. */
  readonly manifests: readonly ChildManifest[];
  readonly referrers: readonly ReferrerDetail[];
  readonly may: { readonly delete: boolean };
}

export interface ImageDetail {
  readonly platform: string;
  readonly created?: string;
  readonly author?: string;
  readonly user?: string;
  readonly workingDir?: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly env: readonly string[];
  readonly exposedPorts: readonly string[];
  readonly volumes: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  /** Base first, with the steps that made none. */
  readonly layers: readonly LayerDetail[];
}

/** One step of an image's history. */
export interface LayerDetail {
  readonly createdBy?: string;
  readonly created?: string;
  readonly comment?: string;
  /** The layer that it made. */
  readonly blob?: BlobDetail;
}

export interface BlobDetail {
  readonly digest: string;
  readonly mediaType: string;
  readonly size: number;
  /** `org.opencontainers.image.title`: a file's name */
  readonly title?: string;
}

export interface ChildManifest {
  readonly digest: string;
  readonly mediaType: string;
  readonly kind: ManifestKind;
  readonly platform?: string;
  /** Of config and layers. Absent: the manifest is not here. */
  readonly bytes?: number;
}

export interface ReferrerDetail {
  readonly digest: string;
  readonly mediaType: string;
  readonly kind: ManifestKind;
  readonly artifactType?: string;
  readonly size: number;
  readonly annotations: Readonly<Record<string, string>>;
  /** The tag by which cosign's older versions attach it. */
  readonly tag?: string;
}

/** `GET /api/v1/users`; the password is in none. */
export interface UserDocument {
  readonly name: string;
  readonly groups: readonly string[];
  readonly isAdmin: boolean;
  readonly createdAt: string;
}

/** `GET /api/v1/robots`; the secret is in none. */
export interface RobotDocument {
  readonly name: string;
  readonly createdAt: string;
  readonly expiresAt?: string;
}

/** `GET /api/v1/quotas` */
export interface QuotaDocument {
  readonly scope: string;
  readonly bytes: number;
  readonly used: number;
}

/** `GET /api/v1/mirrors` */
export interface MirrorDocument {
  readonly prefix: string;
  readonly upstream: string;
  readonly repositories: number;
  readonly blobs: number;
  readonly bytes: number;
  readonly maxBytes?: number;
  readonly tagSeconds: number;
  /** Blobs on their way from upstream, by this process. */
  readonly downloads: number;
  /** When upstream last answered this process, and when it last did not, and why. */
  readonly answeredAt?: string;
  readonly failedAt?: string;
  readonly failure?: string;
}

/** `GET /api/v1/runs`, the latest first; `POST /api/v1/runs` `{"kind"}` begins one. */
export interface RunDocument {
  readonly id: string;
  readonly kind: RunKind;
  readonly startedAt: string;
  /** Absent: it runs, or its process has died. */
  readonly endedAt?: string;
  /** Who asked for it; absent: the schedule. */
  readonly by?: string;
  /** What came of it, by name. */
  readonly counts: Readonly<Record<string, number>>;
  /** What is wrong with the registry's content. */
  readonly problems: readonly { readonly what: string; readonly detail: string }[];
  /** Why it failed. */
  readonly error?: string;
}

export type RunKind = 'collect' | 'scrub';

/** `GET /api/v1/audit?from=N&n=N`, the latest first */
export interface AuditDocument {
  readonly time: string;
  /** `push`, `delete`, `login`, `user`… */
  readonly action: string;
  /** What it was done to. */
  readonly target: string;
  readonly by: string;
  readonly address: string;
  /** As HTTP has it: 4xx was refused. */
  readonly status: number;
}

/** One message of `GET /api/v1/events` (text/event-stream): that something has changed, for whoever may see it. */
export interface ChangeDocument {
  readonly topic: 'repositories' | 'accounts' | 'runs' | 'audit';
  readonly action?: string;
  readonly repository?: string;
  readonly tag?: string;
  readonly by?: string;
}
