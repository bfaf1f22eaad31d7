import { setTimeout as delay } from 'node:timers/promises';
import { type ContentSink, type ContentSource, copyGraph } from '../../content/index.ts';
import { type Descriptor, isIndexType, isManifestType, parseDigest } from '../../oci/index.ts';
import { openRemoteSink } from '../../registry-client/index.ts';
import { isWithin } from '../access/role.ts';
import { isContentDigest } from '../content-digest.ts';
import { Queue } from '../notify/queue.ts';
import type { RegistryEvent } from '../registry-event.ts';
import { remoteRepository } from '../remote.ts';
import { listRepositories, Repository } from '../repository.ts';
import { parseRepositoryName } from '../repository-name.ts';
import type { RegistrySettings } from '../settings.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { storageSource } from './local-source.ts';

/** Where repositories of a scope are copied to. */
export type ReplicaSettings = NonNullable<RegistrySettings['replicas']>[number];

interface Copy {
  readonly to: string;
  readonly repository: string;
  readonly digest: string;
  readonly tag?: string | undefined;
}

/**
 * Copies what is pushed to other registries, and, where `everySeconds` says so, again and again whatever has a tag: what they
 * have already is not sent. In order for each of them, tried again until it succeeds, and remembered across restarts. What is
 * deleted here stays there.
 */
export class Replication implements AsyncDisposable {
  readonly #storage: RegistryStorage;
  readonly #settings: readonly ReplicaSettings[];
  readonly #stop = new AbortController();
  readonly #queue: Queue<Copy> | undefined;
  readonly #schedules: readonly Promise<void>[];

  constructor(
    storage: RegistryStorage,
    settings: readonly ReplicaSettings[],
    onFailed: (error: unknown) => void,
  ) {
    this.#storage = storage;
    this.#settings = settings;
    this.#queue =
      settings.length === 0
        ? undefined
        : new Queue(storage, {
            folder: 'replication',
            lane: ({ to }) => to,
            deliver: ({ entry }, signal) => this.#copy(entry, signal),
            onFailed,
          });
    this.#schedules = settings.map((one) => this.#schedule(one, onFailed));
  }

  announce({ action, repository, digest, tag, mediaType }: RegistryEvent): void {
    if (action !== 'push' || digest === undefined || mediaType === undefined) return;
    for (const { scope, to } of this.#settings)
      if (isWithin(scope, repository)) this.#queue?.add({ to, repository, digest, ...(tag && { tag }) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await Promise.all(this.#schedules);
    await this.#queue?.[Symbol.asyncDispose]();
  }

  async #schedule(settings: ReplicaSettings, onFailed: (error: unknown) => void): Promise<void> {
    const { signal } = this.#stop;
    const pause = (settings.everySeconds ?? 0) * 1000;
    while (pause > 0 && !signal.aborted) {
      await delay(pause, undefined, { signal, ref: false }).catch(() => undefined);
      if (!signal.aborted) await this.#addAll(settings).catch(onFailed);
    }
  }

  async #addAll({ scope, to }: ReplicaSettings): Promise<void> {
    for (const name of await listRepositories(this.#storage)) {
      const repository = new Repository(this.#storage, name);
      if (!isWithin(scope, name) || (await repository.isMirror())) continue;
      for (const tag of await repository.tags()) {
        const digest = await repository.resolveTag(tag);
        if (digest) this.#queue?.add({ to, repository: name, digest, tag });
      }
    }
  }

  /** What is gone meanwhile, or is for nobody any more, is done with; as is what is named by sha512, which our client does not know. */
  async #copy({ to, repository: name, digest, tag }: Copy, signal: AbortSignal): Promise<boolean> {
    const settings = this.#settings.find((one) => one.to === to && isWithin(one.scope, name));
    const repository = new Repository(this.#storage, parseRepositoryName(name));
    const manifest = isContentDigest(digest) ? await repository.manifest(digest) : undefined;
    if (settings === undefined || manifest === undefined || !digest.startsWith('sha256:')) return true;
    const { mediaType, size, bytes } = manifest;
    const descriptor: Descriptor = { mediaType, digest: parseDigest(digest), size };
    const { reference, options } = await remoteRepository(to, name, settings);
    await using sink = openRemoteSink(reference, { ...options, signal });
    const source = storageSource(this.#storage);
    const put: ContentSink['put'] = async (part, body, call = {}) => {
      if (isManifestType(part.mediaType) || isIndexType(part.mediaType)) return sink.put(part, body, call);
      if (await sink.has(part, call)) return;
      await sink.putBlob({ descriptor: part, open: (offset) => bytesFrom(source, part, offset) }, call);
    };
    await copyGraph(source, { put }, descriptor, { signal });
    await sink.putManifest(descriptor, bytes, { tag, signal });
    return true;
  }
}

async function* bytesFrom(
  source: ContentSource,
  descriptor: Descriptor,
  offset: number,
): AsyncGenerator<Uint8Array> {
  yield* await source.fetch(descriptor, { offset });
}
