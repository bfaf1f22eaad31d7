import { openRemoteRepository, type RemoteRepository } from '../../registry-client/index.ts';
import { remoteRepository } from '../remote.ts';
import type { RepositoryName } from '../repository-name.ts';
import type { RegistrySettings } from '../settings.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import { Mirror } from './mirror.ts';

/** An upstream whose repositories are to be had below a prefix. */
export type MirrorSettings = NonNullable<RegistrySettings['mirrors']>[number];

/** Repositories of upstreams that are kept open, each with its connections. */
const mostOpen = 100;

/** How an upstream does, as far as this process knows; times in milliseconds of the epoch. */
export interface MirrorHealth {
  /** When it last answered. */
  answeredAt?: number;
  /** When it last did not, and why. */
  failedAt?: number;
  failure?: string;
  /** Blobs on their way. */
  downloads: number;
}

/** The upstreams that a registry mirrors, by the prefixes of their repositories' names here. */
export class Mirrors implements AsyncDisposable {
  readonly settings: readonly MirrorSettings[];
  readonly #storage: RegistryStorage;
  readonly #open = new Map<RepositoryName, Promise<Mirror>>();
  readonly #health = new Map<MirrorSettings, MirrorHealth>();

  constructor(storage: RegistryStorage, settings: readonly MirrorSettings[] = []) {
    this.#storage = storage;
    // The longest prefix that fits counts.
    this.settings = [...settings].sort((a, b) => b.prefix.length - a.prefix.length);
  }

  /** What stands behind a repository; undefined: it is this registry's own. */
  async find(name: RepositoryName): Promise<Mirror | undefined> {
    const found = this.settings.find(({ prefix }) => prefix === '' || name.startsWith(`${prefix}/`));
    if (found === undefined) return undefined;
    const known = this.#open.get(name) ?? this.#start(name, found);
    this.#open.delete(name);
    this.#open.set(name, known);
    const [oldest] = this.#open.keys();
    if (this.#open.size > mostOpen && oldest) await this.#close(oldest);
    return known;
  }

  healthOf(settings: MirrorSettings): MirrorHealth {
    const health = this.#health.get(settings) ?? { downloads: 0 };
    this.#health.set(settings, health);
    return health;
  }

  /** Cuts the downloads that run: their readers' requests have ended, or have had their time to. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#open.keys()].map((name) => this.#close(name, { busy: true })));
  }

  /** One for all who ask for it at once: each has its own downloads. */
  #start(name: RepositoryName, settings: MirrorSettings): Promise<Mirror> {
    const started = openUpstream(name, settings).then(
      (upstream) => new Mirror(this.#storage, name, settings, upstream, this.healthOf(settings)),
    );
    started.catch(() => this.#open.delete(name));
    return started;
  }

  async #close(name: RepositoryName, { busy = false } = {}): Promise<void> {
    const started = this.#open.get(name);
    const mirror = await started?.catch(() => undefined);
    if ((mirror?.isBusy && !busy) || this.#open.get(name) !== started) return;
    this.#open.delete(name);
    await mirror?.[Symbol.asyncDispose]();
  }
}

async function openUpstream(name: RepositoryName, settings: MirrorSettings): Promise<RemoteRepository> {
  const below = settings.prefix === '' ? name : name.slice(settings.prefix.length + 1);
  const { reference, options } = await remoteRepository(settings.upstream, below, settings);
  return openRemoteRepository(reference, options);
}
