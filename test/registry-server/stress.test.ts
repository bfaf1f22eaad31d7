/**
 * Clients that push, tag, mount, pull and delete at random through two registries on one storage, while garbage is collected
 * all the time. Each client knows what must be there. STRAKE_STRESS=100000 makes so many steps.
 */
import { setTimeout as delay } from 'node:timers/promises';
import test from 'ava';
import {
  collectGarbage,
  openLocalStorage,
  openRegistry,
  type RegistryStorage,
  scrubRegistry,
} from '../../lib/registry-server/index.ts';
import { temporaryFolder } from '../fixtures/temporary-folder.ts';
import { clientOf, sentOf, type TestClient, types } from './client.ts';

const steps = Number(process.env.STRAKE_STRESS ?? 1500);
const clients = 6;
/** Small, so that repositories share most of their blobs. */
const contents = 12;

test('nothing that is tagged is ever lost, and nothing that is not stays for ever', async (t) => {
  t.timeout(Math.max(120_000, steps * 60));
  const folder = temporaryFolder(t);
  const failures: string[] = [];
  const open = async () =>
    openRegistry({
      storage: await openLocalStorage(folder, { durable: false }),
      onRequest: ({ cause, method, path }) => cause && failures.push(`${method} ${path}: ${cause}`),
    });
  await using one = await open();
  await using other = await open();
  const stop = new AbortController();
  const collecting = collectAlways(one.storage, stop.signal);
  const workers = Array.from({ length: clients }, (_, at) => {
    const registry = at % 2 === 0 ? one : other;
    return new Worker(clientOf(registry, folder), at);
  });
  const ran = await Promise.allSettled(workers.map((worker) => worker.run(Math.ceil(steps / clients))));
  stop.abort();
  const rounds = await collecting;
  t.deepEqual(failures, []);
  for (const one of ran) if (one.status === 'rejected') throw one.reason;
  await Promise.all(workers.map((worker) => worker.verify()));
  t.true(rounds > 3, `collected ${rounds} times`);
  await delay(5);
  await collectGarbage(one.storage, { grace: -1000, untagged: true });
  const { problems, blobs } = await scrubRegistry(other.storage);
  t.deepEqual(problems, []);
  t.is(blobs, new Set(workers.flatMap((worker) => worker.reachable())).size);
  await Promise.all(workers.map((worker) => worker.verify()));
  t.log(
    `${steps} steps, ${workers.map((worker) => worker.retries).join(' ')} retries, ${rounds} collections`,
  );
});

async function collectAlways(storage: RegistryStorage, signal: AbortSignal): Promise<number> {
  let rounds = 0;
  for (; !signal.aborted; rounds++) {
    await collectGarbage(storage, { grace: 0, untagged: true });
    await delay(1);
  }
  return rounds;
}

interface Image {
  readonly digest: string;
  readonly blobs: readonly string[];
}

/** One client, alone in its repository, so that it knows what must be there. */
class Worker {
  readonly #client: TestClient;
  readonly #name: string;
  readonly #at: number;
  readonly #tags = new Map<string, Image>();
  #random: number;
  retries = 0;

  constructor(client: TestClient, at: number) {
    this.#client = client;
    this.#at = at;
    this.#name = `team/r${at}`;
    this.#random = at + 1;
  }

  async run(count: number): Promise<void> {
    for (let step = 0; step < count; step++) {
      const choice = this.#below(10);
      if (choice < 4) await this.#push();
      else if (choice < 6) await this.#deleteTag();
      else if (choice < 7) await this.#deleteManifest();
      else await this.#pull();
    }
  }

  async verify(): Promise<void> {
    for (const tag of this.#tags.keys()) await this.#pull(tag);
  }

  /** Digests of all content that a tag of this client leads to. */
  reachable(): string[] {
    return [...this.#tags.values()].flatMap(({ digest, blobs }) => [digest, ...blobs]);
  }

  async #push(): Promise<void> {
    const chosen = [this.#content(), this.#content(), this.#content()];
    for (let attempt = 0; ; attempt++) {
      const blobs = [];
      for (const content of chosen) blobs.push(await this.#bring(content));
      const [config, ...layers] = blobs;
      const document = { schemaVersion: 2, mediaType: types.manifest, config, layers };
      const tag = `t${this.#below(6)}`;
      const { status, digest, text } = await this.#client.manifest(this.#name, tag, document);
      if (status === 201) {
        this.#tags.set(tag, { digest, blobs: blobs.map((blob) => blob.digest) });
        return;
      }
      if (status !== 400 || attempt === 200) throw new Error(`push: ${status} ${text}`);
      this.retries++; // collected between the upload and the manifest: with no grace at all that is how it is
    }
  }

  /** By HEAD, by a mount from a neighbour, or by its bytes: in the way that clients do. */
  async #bring(content: string) {
    const sent = sentOf(content);
    const path = `/v2/${this.#name}/blobs`;
    if ((await this.#client.send('HEAD', `${path}/${sent.digest}`)).status === 200) return sent;
    const from = `team/r${(this.#at + 1) % clients}`;
    const mounted = await this.#client.send('POST', `${path}/uploads/?mount=${sent.digest}&from=${from}`);
    if (mounted.status === 201) return sent;
    const put = await this.#client.send('PUT', `${mounted.headers.get('location')}?digest=${sent.digest}`, {
      body: content,
    });
    if (put.status !== 201) throw new Error(`upload: ${put.status} ${put.text}`);
    return sent;
  }

  async #deleteTag(): Promise<void> {
    const tag = this.#anyTag();
    if (tag === undefined) return;
    const { status } = await this.#client.send('DELETE', `/v2/${this.#name}/manifests/${tag}`);
    if (status !== 202) throw new Error(`delete ${tag}: ${status}`);
    this.#tags.delete(tag);
  }

  async #deleteManifest(): Promise<void> {
    const tag = this.#anyTag();
    const digest = tag && this.#tags.get(tag)?.digest;
    if (!digest) return;
    const { status } = await this.#client.send('DELETE', `/v2/${this.#name}/manifests/${digest}`);
    if (status !== 202) throw new Error(`delete ${digest}: ${status}`);
    for (const [name, image] of this.#tags) if (image.digest === digest) this.#tags.delete(name);
  }

  async #pull(tag = this.#anyTag()): Promise<void> {
    const image = tag && this.#tags.get(tag);
    if (!image) return;
    const { status, headers } = await this.#client.send('GET', `/v2/${this.#name}/manifests/${tag}`);
    if (status !== 200 || headers.get('docker-content-digest') !== image.digest)
      throw new Error(`pull ${this.#name}:${tag}: ${status}, not ${image.digest}`);
    for (const digest of image.blobs) {
      const blob = await this.#client.send('GET', `/v2/${this.#name}/blobs/${digest}`);
      if (blob.status !== 200 || sentOf(blob.bytes).digest !== digest)
        throw new Error(`pull ${this.#name}:${tag}: blob ${digest}: ${blob.status}`);
    }
  }

  #anyTag(): string | undefined {
    return [...this.#tags.keys()][this.#below(Math.max(1, this.#tags.size))];
  }

  #content(): string {
    return `content ${this.#below(contents)} `.repeat(50);
  }

  #below(limit: number): number {
    this.#random = (Math.imul(this.#random, 1664525) + 1013904223) >>> 0;
    return Math.floor((this.#random / 2 ** 32) * limit);
  }
}
