import { native } from '../../bindings/load.ts';
import type { Config } from '../config/index.ts';
import type { Descriptor, Platform } from '../oci/index.ts';
import type { ExplicitCredentials, FoundRepository, Login, StoredLogin } from '../registry-client/index.ts';
import type { EngineOptions } from './engine.ts';

/** Registries as such: who may enter, and what there is. */
export interface Registries {
  /**
   * Shows a registry (`ghcr.io`; Docker Hub is `docker.io`) a name and password, and keeps them once it has accepted them:
   * with Docker's credential helper for it, or in Docker's configuration. ERR_REGISTRY_UNAUTHORIZED when it rejects them;
   * ERR_REGISTRY_*; ERR_CREDENTIALS_INVALID; ERR_REFERENCE_INVALID; ERR_ABORTED.
   */
  login(registry: string, login: Login, options?: { readonly signal?: AbortSignal }): Promise<StoredLogin>;
  /** The first half of login(): nothing is kept. The same errors. */
  verify(
    registry: string,
    credentials: ExplicitCredentials,
    options?: { readonly signal?: AbortSignal },
  ): Promise<void>;
  /** Forgets what is kept for it. Whether there was something. */
  logout(registry: string): Promise<boolean>;
  /**
   * Repositories whose name (on Docker Hub: or description) has the term in it: `TERM` on Docker Hub, `HOST/TERM` elsewhere.
   * `limit`: 25 by default, 100 at most. ERR_NOT_IMPLEMENTED where a registry offers no search; ERR_REGISTRY_*.
   */
  search(
    term: string,
    options?: {
      readonly limit?: number | undefined;
      readonly credentials?: ExplicitCredentials | undefined;
      readonly signal?: AbortSignal;
    },
  ): Promise<FoundRepository[]>;
  /**
   * The tags of a repository (`debian`, `HOST/team/app`), as canonical names that can be pulled. ERR_REFERENCE_INVALID;
   * ERR_MANIFEST_NOT_FOUND when the registry does not have it; ERR_REGISTRY_*; ERR_ABORTED.
   */
  tags(
    repository: string,
    options?: { readonly credentials?: ExplicitCredentials | undefined; readonly signal?: AbortSignal },
  ): Promise<string[]>;
  /**
   * What a registry has under a name, without fetching layers: its manifest or index, and the platforms that are in it.
   * ERR_MANIFEST_NOT_FOUND; ERR_REGISTRY_*; ERR_REFERENCE_INVALID; ERR_ABORTED.
   */
  describe(
    reference: string,
    options?: { readonly credentials?: ExplicitCredentials | undefined; readonly signal?: AbortSignal },
  ): Promise<DescribedImage>;
}

/** What a registry has under a name. */
export interface DescribedImage {
  readonly descriptor: Descriptor;
  readonly platforms: readonly Platform[];
}

/** Needs no root directory and no rights. The configuration is read by the first call. */
export function openRegistries(options: Pick<EngineOptions, 'config'> = {}): Registries {
  let config: Promise<Config> | undefined;
  const shared = async () => {
    config ??= import('../config/index.ts').then(({ loadConfig }) =>
      loadConfig(options.config === undefined ? {} : { file: options.config }),
    );
    return { config: await config, userAgent };
  };
  const client = () => import('../registry-client/index.ts');
  return {
    login: async (registry, given, call = {}) =>
      (await client()).login(registry, given, { ...call, ...(await shared()) }),
    verify: async (registry, given, call = {}) =>
      (await client()).verifyLogin(registry, given, { ...call, ...(await shared()) }),
    logout: async (registry) => (await client()).logout(registry, await shared()),
    search: async (term, { limit, credentials, signal } = {}) =>
      (await client()).searchRegistry(term, {
        ...(await shared()),
        ...(limit !== undefined && { limit }),
        ...(credentials && { credentials }),
        ...(signal && { signal }),
      }),
    tags: async (repository, { credentials, signal } = {}) =>
      (await client()).listTags(repository, {
        ...(await shared()),
        ...(credentials && { credentials }),
        ...(signal && { signal }),
      }),
    describe: async (reference, { credentials, signal } = {}) =>
      (await import('./describe-image.ts')).describeImage(reference, {
        ...(await shared()),
        ...(credentials && { credentials }),
        ...(signal && { signal }),
      }),
  };
}

/** How requests to registries are signed. */
export const userAgent = `strake/${native.versions.strake}`;
