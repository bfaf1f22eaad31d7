import { type ContentDigest, isContentDigest } from './content-digest.ts';
import {
  blobKey,
  blobLinks,
  manifestLinks,
  mirrorKey,
  nameOfFolder,
  referrerLinks,
  repositoriesFolder,
  repositoryFolder,
  tagKey,
  tagLinks,
} from './keys.ts';
import type { ManifestDocument } from './manifest-document.ts';
import type { RepositoryName, TagName } from './repository-name.ts';
import type { RegistryStorage } from './storage/registry-storage.ts';

/** What a repository knows of a manifest without reading it. */
export interface ManifestLink {
  readonly mediaType: string;
  /** bytes */
  readonly size: number;
  readonly subject?: string;
}

export interface StoredManifest extends ManifestLink {
  readonly digest: ContentDigest;
  readonly bytes: Buffer;
}

/**
 * One repository of a storage: which blobs, manifests, tags and referrers it has. It decides nothing; who may do what, and
 * what must be there first, is the routes' part. A repository exists as long as it has something.
 */
export class Repository {
  readonly name: RepositoryName;
  readonly #storage: RegistryStorage;

  constructor(storage: RegistryStorage, name: RepositoryName) {
    this.name = name;
    this.#storage = storage;
  }

  async exists(): Promise<boolean> {
    return (await this.#storage.list(repositoryFolder(this.name), { limit: 1 })).length > 0;
  }

  /** Whether it is a part of somebody else's, of which not everything need be here. */
  async isMirror(): Promise<boolean> {
    return (await this.#storage.stat(mirrorKey(this.name))) !== undefined;
  }

  /** A blob's size, if the repository has it and its bytes are there. */
  async blobSize(digest: ContentDigest): Promise<number | undefined> {
    const link = await this.#storage.read(`${blobLinks(this.name)}/${digest}`);
    if (link === undefined) return undefined;
    return (await this.#storage.stat(blobKey(digest)))?.size;
  }

  /** Whether it is there, and needed from now on. */
  async needBlob(digest: ContentDigest): Promise<boolean> {
    const isLinked = await this.#storage.touch(`${blobLinks(this.name)}/${digest}`);
    return isLinked && (await this.#storage.touch(blobKey(digest)));
  }

  /** Bytes that were uploaded become a blob of this repository. The link comes first: see RegistryStorage. */
  async addUpload(id: string, digest: ContentDigest, size: number): Promise<void> {
    await this.#linkBlob(digest, size);
    await this.#storage.uploads.commit(id, blobKey(digest), size);
  }

  /** A blob that another repository has becomes one of this, too. False: its bytes have gone meanwhile. */
  async addBlob(digest: ContentDigest, size: number): Promise<boolean> {
    await this.#linkBlob(digest, size);
    if (await this.#storage.touch(blobKey(digest))) return true;
    await this.#storage.remove(`${blobLinks(this.name)}/${digest}`);
    return false;
  }

  removeBlob(digest: ContentDigest): Promise<boolean> {
    return this.#storage.remove(`${blobLinks(this.name)}/${digest}`);
  }

  async manifestLink(digest: ContentDigest): Promise<ManifestLink | undefined> {
    const link = await this.#storage.read(`${manifestLinks(this.name)}/${digest}`);
    return link && (JSON.parse(link.toString()) as ManifestLink);
  }

  async manifest(digest: ContentDigest): Promise<StoredManifest | undefined> {
    const link = await this.manifestLink(digest);
    const bytes = link && (await this.#storage.read(blobKey(digest)));
    return bytes && { ...link, digest, bytes };
  }

  needManifest(digest: ContentDigest): Promise<boolean> {
    return this.#storage.touch(`${manifestLinks(this.name)}/${digest}`);
  }

  /** Bytes first: a crash leaves no manifest that has none. Should they be collected before the link stands, they come again. */
  async addManifest(digest: ContentDigest, bytes: Buffer, document: ManifestDocument): Promise<void> {
    const { mediaType, subject } = document;
    const link: ManifestLink = { mediaType, size: bytes.length, ...(subject && { subject }) };
    await this.#storage.write(blobKey(digest), bytes);
    await this.#storage.write(`${manifestLinks(this.name)}/${digest}`, JSON.stringify(link));
    if (!(await this.#storage.touch(blobKey(digest)))) await this.#storage.write(blobKey(digest), bytes);
    if (subject === undefined) return;
    const { artifactType, annotations } = document;
    const descriptor = { mediaType, digest, size: bytes.length, artifactType, annotations };
    await this.#storage.write(`${referrerLinks(this.name, subject)}/${digest}`, JSON.stringify(descriptor));
  }

  /** With what it was a referrer by, and the tags that stood for it. False: it was not there. */
  async removeManifest(digest: ContentDigest): Promise<boolean> {
    const link = await this.manifestLink(digest);
    if (link === undefined) return false;
    for (const tag of await this.tags()) {
      if ((await this.resolveTag(tag)) === digest) await this.removeTag(tag);
    }
    if (link.subject !== undefined)
      await this.#storage.remove(`${referrerLinks(this.name, link.subject as ContentDigest)}/${digest}`);
    // Once it has no tag a collector may take it first: it was there, and is gone.
    await this.#storage.remove(`${manifestLinks(this.name)}/${digest}`);
    return true;
  }

  async manifests(): Promise<ContentDigest[]> {
    return (await this.#storage.list(manifestLinks(this.name))).filter(isContentDigest);
  }

  async blobs(): Promise<ContentDigest[]> {
    return (await this.#storage.list(blobLinks(this.name))).filter(isContentDigest);
  }

  async resolveTag(tag: TagName): Promise<ContentDigest | undefined> {
    const text = (await this.#storage.read(tagKey(this.name, tag)))?.toString();
    return text !== undefined && isContentDigest(text) ? text : undefined;
  }

  /** Lets a tag stand for a manifest. `once`: false when it stands for another already, which stays. */
  async setTag(tag: TagName, digest: ContentDigest, { once = false } = {}): Promise<boolean> {
    const key = tagKey(this.name, tag);
    if (!once) await this.#storage.write(key, digest);
    else if (!(await this.#storage.create(key, digest))) return (await this.resolveTag(tag)) === digest;
    return true;
  }

  removeTag(tag: TagName): Promise<boolean> {
    return this.#storage.remove(tagKey(this.name, tag));
  }

  tags(page: { readonly after?: string; readonly limit?: number } = {}): Promise<TagName[]> {
    return this.#storage.list(tagLinks(this.name), page) as Promise<TagName[]>;
  }

  /** What refers to a digest. */
  async referrers(subject: ContentDigest): Promise<ContentDigest[]> {
    return (await this.#storage.list(referrerLinks(this.name, subject))).filter(isContentDigest);
  }

  /** The descriptor of one of them, as it was recorded: up to 4 MiB, by its annotations. */
  async referrer(subject: ContentDigest, digest: ContentDigest): Promise<ReferrerDescriptor | undefined> {
    const text = await this.#storage.read(`${referrerLinks(this.name, subject)}/${digest}`);
    return text && (JSON.parse(text.toString()) as ReferrerDescriptor);
  }

  #linkBlob(digest: ContentDigest, size: number): Promise<void> {
    return this.#storage.write(`${blobLinks(this.name)}/${digest}`, JSON.stringify({ size }));
  }
}

/** OCI image-spec, descriptor.md. */
export interface ReferrerDescriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** Names of the repositories that a storage has, in their order. */
export async function listRepositories(storage: RegistryStorage): Promise<RepositoryName[]> {
  return (await storage.list(repositoriesFolder)).map(nameOfFolder).sort();
}
