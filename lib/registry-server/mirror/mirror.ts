import { isEngineError } from '../../errors/index.ts';
import { parseDigest } from '../../oci/index.ts';
import type { RemoteRepository, ResolvedManifest } from '../../registry-client/index.ts';
import { type ContentDigest, isContentDigest, parseContentDigest } from '../content-digest.ts';
import { mirrorKey, tagKey } from '../keys.ts';
import { readManifestDocument, tryReadManifestDocument } from '../manifest-document.ts';
import { Repository, type StoredManifest } from '../repository.ts';
import type { RepositoryName, TagName } from '../repository-name.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { Download } from './download.ts';
import type { MirrorHealth, MirrorSettings } from './mirrors.ts';

/** Seconds for which a tag is believed without asking upstream. */
const tagSeconds = 60;

/** A manifest of a mirror. */
export interface MirroredManifest {
  readonly manifest: StoredManifest;
  /** Upstream could not be asked whether the tag still stands for it. */
  readonly isStale: boolean;
}

/**
 * One repository of an upstream, kept here as it is asked for. What is named by its digest is fetched once; of a tag is asked
 * what it stands for now, unless that is known for less than a while. When upstream cannot be reached, what is here is
 * served. One download serves all who wait for it.
 */
export class Mirror implements AsyncDisposable {
  readonly #storage: RegistryStorage;
  readonly #repository: Repository;
  readonly #settings: MirrorSettings;
  readonly #upstream: RemoteRepository;
  readonly #health: MirrorHealth;
  readonly #manifests = new Map<string, Promise<MirroredManifest | undefined>>();
  readonly #downloads = new Map<ContentDigest, Promise<Download>>();
  readonly #stop = new AbortController();
  /** Sizes of blobs, by manifests that went through here. */
  readonly #sizes = new Map<ContentDigest, number>();

  constructor(
    storage: RegistryStorage,
    name: RepositoryName,
    settings: MirrorSettings,
    upstream: RemoteRepository,
    health: MirrorHealth,
  ) {
    this.#storage = storage;
    this.#repository = new Repository(storage, name);
    this.#settings = settings;
    this.#upstream = upstream;
    this.#health = health;
  }

  get isBusy(): boolean {
    return this.#downloads.size > 0 || this.#manifests.size > 0;
  }

  /** What a tag or digest stands for; undefined: upstream has none. Throws what the client of upstream throws. */
  manifest(reference: TagName | ContentDigest): Promise<MirroredManifest | undefined> {
    const running = this.#manifests.get(reference);
    if (running) return running;
    const started = this.#findManifest(reference).finally(() => this.#manifests.delete(reference));
    this.#manifests.set(reference, started);
    return started;
  }

  /** A blob's size, if a manifest that is here names it. */
  async sizeOf(digest: ContentDigest): Promise<number | undefined> {
    return this.#sizes.get(digest) ?? (await this.#sizeByManifests(digest));
  }

  /** A blob that is being fetched, from its first byte on; undefined: no manifest that is known here names it. */
  async download(digest: ContentDigest): Promise<Download | undefined> {
    const running = this.#downloads.get(digest);
    if (running) return running;
    const size = await this.sizeOf(digest);
    if (size === undefined) return undefined;
    const again = this.#downloads.get(digest);
    if (again) return again;
    const started = Download.start(
      this.#storage,
      this.#repository,
      this.#upstream,
      { digest, size },
      this.#stop.signal,
    );
    this.#downloads.set(digest, started);
    this.#health.downloads++;
    const forget = () => {
      this.#downloads.delete(digest);
      this.#health.downloads--;
    };
    const fail = (error: unknown) => {
      forget();
      this.#failed(error);
    };
    void started.then((download) => download.ended).then(forget, fail);
    return started;
  }

  /** Cuts its downloads, and leaves nothing of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const downloads = [...this.#downloads.values()].map(async (started) => (await started).ended);
    await Promise.allSettled([...downloads, ...this.#manifests.values()]);
    await this.#upstream[Symbol.asyncDispose]();
  }

  async #findManifest(reference: TagName | ContentDigest): Promise<MirroredManifest | undefined> {
    const local = await this.#local(reference);
    if (local && (isContentDigest(reference) || (await this.#isFresh(reference as TagName))))
      return { manifest: local, isStale: false };
    try {
      const manifest = await this.#refresh(reference, local);
      this.#health.answeredAt = Date.now();
      return { manifest, isStale: false };
    } catch (error) {
      if (isEngineError(error) && error.kind === 'notFound') return undefined;
      this.#failed(error);
      if (local) return { manifest: local, isStale: true };
      throw error;
    }
  }

  #failed(error: unknown): void {
    this.#health.failedAt = Date.now();
    this.#health.failure = (error as Error).message;
  }

  async #local(reference: TagName | ContentDigest): Promise<StoredManifest | undefined> {
    const digest = isContentDigest(reference) ? reference : await this.#repository.resolveTag(reference);
    return digest && this.#repository.manifest(digest);
  }

  async #isFresh(tag: TagName): Promise<boolean> {
    const status = await this.#storage.stat(tagKey(this.#repository.name, tag));
    const life = (this.#settings.tagSeconds ?? tagSeconds) * 1000;
    return status !== undefined && status.needed > Date.now() - life;
  }

  /** Asks upstream, by HEAD where there is something to compare with: Docker Hub does not count that as a pull. */
  async #refresh(
    reference: TagName | ContentDigest,
    local: StoredManifest | undefined,
  ): Promise<StoredManifest> {
    const tag = isContentDigest(reference) ? undefined : (reference as TagName);
    if (local && tag !== undefined && String((await this.#upstream.describe(tag)).digest) === local.digest) {
      await this.#storage.touch(tagKey(this.#repository.name, tag));
      return local;
    }
    return this.#store(await this.#upstream.resolve(reference), tag);
  }

  async #store({ descriptor, bytes }: ResolvedManifest, tag: TagName | undefined): Promise<StoredManifest> {
    const { name } = this.#repository;
    const digest = parseContentDigest(descriptor.digest);
    const document = readManifestDocument(bytes, descriptor.mediaType);
    this.#learnSizes(document);
    await this.#storage.write(mirrorKey(name), this.#settings.upstream);
    await this.#repository.addManifest(digest, bytes, document);
    if (tag !== undefined) await this.#repository.setTag(tag, digest);
    return { mediaType: document.mediaType, size: bytes.length, digest, bytes };
  }

  #learnSizes({ blobs }: { blobs: readonly { digest: ContentDigest; size: number }[] }): void {
    if (this.#sizes.size > 10_000) this.#sizes.clear();
    for (const { digest, size } of blobs) this.#sizes.set(digest, size);
  }

  async #sizeByManifests(digest: ContentDigest): Promise<number | undefined> {
    if (!digest.startsWith('sha256:')) return undefined;
    parseDigest(digest);
    for (const one of await this.#repository.manifests()) {
      const manifest = await this.#repository.manifest(one);
      const document = manifest && tryReadManifestDocument(manifest.bytes, manifest.mediaType);
      if (document) this.#learnSizes(document);
      const size = this.#sizes.get(digest);
      if (size !== undefined) return size;
    }
    return undefined;
  }
}
