import type {
  AuditDocument,
  Listed,
  ManifestDetail,
  MirrorDocument,
  QuotaDocument,
  RepositoryDocument,
  RepositorySummary,
  RobotDocument,
  RunDocument,
  RunKind,
  SessionDocument,
  TagSummary,
  UserDocument,
} from '../../lib/registry-server/api-documents.ts';

/** What the registry refuses, in its own words. */
export class ApiError extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Of the session: whatever changes something must show it. */
let csrfToken = '';

/** Sends one request to `/api/v1`. Throws ApiError. */
async function send<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`/api/v1${path}`, {
    method,
    headers: { 'x-csrf-token': csrfToken, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  }).catch(() => {
    throw new ApiError(0, 'The registry cannot be reached.');
  });
  const text = await response.text();
  if (!response.ok)
    throw new ApiError(response.status, messageOf(text) ?? `The registry answered ${response.status}.`);
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

function messageOf(text: string): string | undefined {
  try {
    const { errors } = JSON.parse(text) as { errors?: readonly { message?: string }[] };
    const message = errors?.[0]?.message;
    return message && `${message.charAt(0).toUpperCase()}${message.slice(1)}.`;
  } catch {
    return undefined;
  }
}

function remember(session: SessionDocument): SessionDocument {
  csrfToken = session.csrfToken ?? '';
  return session;
}

/** Which part of a list is asked for. */
export interface Page {
  readonly q?: string;
  readonly from?: number;
  readonly n?: number;
}

function queryOf(page: Page): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(page))
    if (value !== '' && value !== undefined) query.set(name, String(value));
  return query.size > 0 ? `?${query}` : '';
}

const manifestPath = (name: string, reference: string) =>
  `/repositories/${name}/manifests/${encodeURIComponent(reference)}`;

/** What somebody may do, and with what. */
export interface GrantDocument {
  readonly to: string;
  readonly scope: string;
  readonly role: string;
}

/** The registry's API, as docs/registry.md has it. */
export const api = {
  session: async () => remember(await send<SessionDocument>('GET', '/session')),
  signIn: async (name: string, password: string) =>
    remember(await send<SessionDocument>('POST', '/session', { name, password })),
  signOut: () => send<void>('DELETE', '/session'),
  repositories: (page: Page) => send<Listed<RepositorySummary>>('GET', `/repositories${queryOf(page)}`),
  repository: (name: string) => send<RepositoryDocument>('GET', `/repositories/${name}`),
  tags: (name: string, page: Page) =>
    send<Listed<TagSummary>>('GET', `/repositories/${name}/tags${queryOf(page)}`),
  manifest: (name: string, reference: string) => send<ManifestDetail>('GET', manifestPath(name, reference)),
  deleteManifest: (name: string, reference: string) => send<void>('DELETE', manifestPath(name, reference)),
  users: () => send<UserDocument[]>('GET', '/users'),
  putUser: (name: string, user: { password?: string; groups?: readonly string[]; isAdmin?: boolean }) =>
    send<void>('PUT', `/users/${encodeURIComponent(name)}`, user),
  deleteUser: (name: string) => send<void>('DELETE', `/users/${encodeURIComponent(name)}`),
  robots: () => send<RobotDocument[]>('GET', '/robots'),
  putRobot: (name: string, robot: { expiresAt?: string }) =>
    send<{ name: string; secret: string }>('PUT', `/robots/${encodeURIComponent(name)}`, robot),
  deleteRobot: (name: string) => send<void>('DELETE', `/robots/${encodeURIComponent(name)}`),
  grants: () => send<GrantDocument[]>('GET', '/grants'),
  putGrant: (grant: GrantDocument) => send<void>('PUT', '/grants', grant),
  deleteGrant: ({ to, scope }: GrantDocument) => send<void>('DELETE', '/grants', { to, scope }),
  quotas: () => send<QuotaDocument[]>('GET', '/quotas'),
  mirrors: () => send<MirrorDocument[]>('GET', '/mirrors'),
  runs: () => send<RunDocument[]>('GET', '/runs'),
  beginRun: (kind: RunKind) => send<RunDocument>('POST', '/runs', { kind }),
  audit: (page: Page) => send<Listed<AuditDocument>>('GET', `/audit${queryOf(page)}`),
};
