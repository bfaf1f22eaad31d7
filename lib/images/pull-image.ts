import { type Digest, formatPlatform, hostPlatform, matchesPlatform, parsePlatform } from '../oci/index.ts';
import { formatReference, type ImageReference, parseReference, pinReference } from '../reference/index.ts';
import type { ExplicitCredentials, RemoteRepository } from '../registry-client/index.ts';
import { fetchDocuments, type ImageDocuments, type WantedPlatform } from './fetch-documents.ts';
import type { Image } from './image.ts';
import type { ImageLoader } from './image-loader.ts';
import type { PullImageOptions } from './images.ts';
import type { ImageName } from './name-store.ts';
import { publishName } from './publish-name.ts';
import { pullError } from './pull-error.ts';
import type { PullProgress } from './pull-progress.ts';
import { type ImageStores, nameFor, storeImage } from './store-image.ts';

/** What a pull takes from the rest of the engine. */
export interface PullStores extends ImageStores {
  readonly root: string;
  readonly loader: ImageLoader;
  openRepository(
    reference: ImageReference,
    credentials?: ExplicitCredentials,
  ): RemoteRepository | Promise<RemoteRepository>;
}

interface PullRequest {
  readonly reference: ImageReference;
  readonly wanted: WantedPlatform;
  readonly credentials: ExplicitCredentials | undefined;
  readonly signal: AbortSignal;
  readonly report: (progress: PullProgress) => void;
}

/** See Images.pull. */
export async function pullImage(
  stores: PullStores,
  text: string,
  options: PullImageOptions,
  report: (progress: PullProgress) => void,
): Promise<Image> {
  const signal = options.signal ?? new AbortController().signal;
  try {
    const reference = parseReference(text);
    const wanted: WantedPlatform = {
      platform: options.platform === undefined ? hostPlatform() : parsePlatform(options.platform),
      explicit: options.platform !== undefined,
    };
    const { credentials } = options;
    return await new Pull(stores, { reference, wanted, credentials, signal, report }).run();
  } catch (error) {
    throw pullError(error, { reference: text, root: stores.root, aborted: signal.aborted });
  }
}

class Pull {
  readonly #stores: PullStores;
  readonly #request: PullRequest;
  /** By content when the reference has a digest: what a tag next to it says is a remark. */
  readonly #reference: ImageReference;
  readonly #name: string;

  constructor(stores: PullStores, request: PullRequest) {
    const { reference } = request;
    this.#stores = stores;
    this.#request = request;
    this.#reference = reference.digest ? pinReference(reference, reference.digest) : reference;
    this.#name = formatReference(this.#reference);
  }

  async run(): Promise<Image> {
    this.#request.signal.throwIfAborted();
    const known = await this.#completeName();
    if (known && this.#reference.digest) return this.#done(known, true);
    await using repository = await this.#stores.openRepository(this.#reference, this.#request.credentials);
    const current = known && (await repository.describe(undefined, { signal: this.#request.signal }));
    if (known && current?.digest === known.target.digest) return this.#done(known, true);
    return this.#done(await this.#fetch(repository, current?.digest), false);
  }

  /** The name as it stands, if all that it stands for is here and suits the platform. */
  async #completeName(): Promise<ImageName | undefined> {
    const { names, blobs, snapshots } = this.#stores;
    const name = await names.read(this.#name);
    if (name?.platform !== formatPlatform(this.#request.wanted.platform)) return undefined;
    const layers = await Promise.all(name.chainIds.map((chainId) => snapshots.has(chainId)));
    if (!layers.every(Boolean) || !name.blobs.every((digest) => blobs.has(digest))) return undefined;
    return (await this.#suits(name)) && (await this.#hasCompressed(name)) ? name : undefined;
  }

  /** A name from before compressed layers were kept lists none of them. */
  async #hasCompressed(name: ImageName): Promise<boolean> {
    const { blobs, keepCompressed, loader } = this.#stores;
    if (!keepCompressed) return true;
    return (await loader.load(name)).layers.every(({ blob }) => blobs.has(blob.digest));
  }

  /** A lone image of another platform is taken with a warning, which whoever asks for a platform does not want. */
  async #suits(name: ImageName): Promise<boolean> {
    const { explicit, platform } = this.#request.wanted;
    return !explicit || matchesPlatform((await this.#stores.loader.load(name)).platform, platform);
  }

  async #fetch(repository: RemoteRepository, pinned: string | undefined): Promise<ImageName> {
    const { signal, report, wanted } = this.#request;
    const documents = await fetchDocuments(repository, wanted, { pinned, signal });
    this.#reportResolved(documents);
    const name = nameFor(this.#stores, documents, { reference: this.#name, platform: wanted.platform });
    await storeImage(this.#stores, documents, name, {
      source: repository,
      signal,
      report,
      publish: () => this.#publish(name),
    });
    return name;
  }

  #reportResolved({ target, config, warnings }: ImageDocuments): void {
    const { report } = this.#request;
    report({
      type: 'resolved',
      reference: this.#name,
      digest: target.digest,
      platform: formatPlatform(config.platform),
    });
    for (const message of warnings) report({ type: 'warning', message });
  }

  /** By content first: a tag that moves on leaves the image with that name, or, if it came from no registry, without one. */
  async #publish(name: ImageName): Promise<void> {
    const { names } = this.#stores;
    const pinned = this.#pinned(name.target.digest);
    await this.#keepReplaced(await names.read(pinned), name);
    if (pinned !== name.reference) await names.write({ ...name, reference: pinned });
    await publishName(names, name);
  }

  /** Another platform's image of the same index keeps a name: the digest of its own manifest. */
  async #keepReplaced(replaced: ImageName | undefined, { manifest }: ImageName): Promise<void> {
    if (replaced === undefined || replaced.manifest.digest === manifest.digest) return;
    const reference = this.#pinned(replaced.manifest.digest);
    await this.#stores.names.write({ ...replaced, reference, target: replaced.manifest });
  }

  #pinned(digest: Digest): string {
    return formatReference(pinReference(this.#reference, digest));
  }

  async #done(name: ImageName, upToDate: boolean): Promise<Image> {
    const image = await this.#stores.loader.load(name);
    this.#request.report({ type: 'done', image, upToDate });
    return image;
  }
}
