import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { writeFileAtomic } from '../../bindings/files.ts';
import { EngineError } from '../errors/index.ts';
import { parseSubnet } from './ip.ts';
import { type IsAlive, Leases } from './leases.ts';
import { bridgeName, type NetworkRecord, optionNames, parseNetworkRecord } from './network-record.ts';
import type { NetworkMember, PublishedPort } from './networks.ts';

/**
 * What is on disk of networks: records below ROOT/networks, which outlive a reboot, and below RUN/networks what the
 * monitors read and write (native/net/network.h). Making and removing one takes ROOT/networks.lock; being connected with
 * one takes no lock at all.
 */
export class NetworkStore {
  /** RUN/networks */
  readonly runDirectory: string;
  readonly #root: string;
  readonly #isAlive: IsAlive;

  constructor(root: string, runDir: string, isAlive: IsAlive) {
    this.#root = `${root}/networks`;
    this.runDirectory = `${runDir}/networks`;
    this.#isAlive = isAlive;
  }

  /** One maker or remover at a time, among all processes. */
  async lock(): Promise<Disposable> {
    const { waitForLock } = await import('../scratch/index.ts');
    const lock = await waitForLock(`${this.#root}.lock`, { shared: false });
    return { [Symbol.dispose]: () => lock.release() };
  }

  /** All records, by name. Few: they are read synchronously. */
  list(): NetworkRecord[] {
    return namesIn(this.#root)
      .filter(isId)
      .map((id) => this.read(id))
      .filter((record) => record !== null)
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  }

  read(id: string): NetworkRecord | null {
    const path = `${this.#root}/${id}/record.json`;
    const json = readText(path);
    return json === null || /^\0*$/.test(json) ? null : parseNetworkRecord(json, path);
  }

  /** By name, id, or unique beginning of its id; null: there is none. ERR_INVALID_ARGUMENT for what begins several. */
  find(nameOrId: string): NetworkRecord | null {
    const all = this.list();
    const exact = all.find(({ id, name }) => name === nameOrId || id === nameOrId);
    if (exact !== undefined || !/^[0-9a-f]{2,63}$/.test(nameOrId)) return exact ?? null;
    const found = all.filter(({ id }) => id.startsWith(nameOrId));
    if (found.length < 2) return found[0] ?? null;
    throw new EngineError(
      'ERR_INVALID_ARGUMENT',
      `${nameOrId} begins the ids of ${found.length} networks: give more digits`,
      { details: { ids: found.map(({ id }) => id) } },
    );
  }

  /** Published with one rename. For the holder of the lock. */
  async write(record: NetworkRecord): Promise<void> {
    mkdirSync(`${this.#root}/${record.id}`, { recursive: true, mode: 0o700 });
    await writeFileAtomic(`${this.#root}/${record.id}/record.json`, JSON.stringify(record), {
      mode: 0o600,
      durable: true,
    });
    this.prepareRun(record);
  }

  /** What monitors read, made anew where a reboot has lost it. */
  prepareRun(record: NetworkRecord): string {
    const directory = this.runPath(record.id);
    const path = `${directory}/network.json`;
    if (readText(path) !== null) return directory;
    for (const inner of ['endpoints', 'leases'])
      mkdirSync(`${directory}/${inner}`, { recursive: true, mode: 0o700 });
    writeFileSync(`${path}.${process.pid}`, JSON.stringify(nativeRecord(record)), { mode: 0o600 });
    renameSync(`${path}.${process.pid}`, path);
    return directory;
  }

  runPath(id: string): string {
    return `${this.runDirectory}/${id}`;
  }

  leases(id: string): Leases {
    return new Leases(`${this.runPath(id)}/leases`, this.#isAlive);
  }

  /**
   * Whether nobody has an address any more, nor will get one: the directory of leases goes, which it only does when it is
   * empty. Those of the dead are ended.
   */
  async close(id: string): Promise<boolean> {
    const leases = `${this.runPath(id)}/leases`;
    for (const address of namesIn(leases)) await this.leases(id).endIfDead(address);
    try {
      rmdirSync(leases);
    } catch (error) {
      if (codeOf(error) === 'ENOTEMPTY') return false;
      if (codeOf(error) !== 'ENOENT') throw error;
    }
    return true;
  }

  /** One that is closed. */
  remove(id: string): void {
    rmSync(`${this.#root}/${id}`, { recursive: true, force: true });
    rmSync(this.runPath(id), { recursive: true, force: true });
  }

  /** Running containers by id, as their monitors have recorded them. */
  members(id: string): Record<string, NetworkMember> {
    const directory = `${this.runPath(id)}/endpoints`;
    const entries = namesIn(directory)
      .filter(isId)
      .map((container) => [container, readMember(`${directory}/${container}`)] as const);
    return Object.fromEntries(entries.filter(([, member]) => member !== null)) as Record<
      string,
      NetworkMember
    >;
  }

  member(id: string, container: string): NetworkMember | null {
    return readMember(`${this.runPath(id)}/endpoints/${container}`);
  }

  /** Its record, which has been removed, and what a monitor was writing of it when it was killed. */
  removeRecords(id: string, container: string): void {
    for (const name of this.#recordsOf(id, container))
      rmSync(`${this.runPath(id)}/endpoints/${name}`, { force: true });
  }

  #recordsOf(id: string, container: string): string[] {
    return namesIn(`${this.runPath(id)}/endpoints`).filter((name) => name.startsWith(container));
  }

  /** The networks that a container has left something in: a lease, or a record. */
  heldBy(container: string): string[] {
    return namesIn(this.runDirectory)
      .filter(isId)
      .filter(
        (id) =>
          this.#recordsOf(id, container).length > 0 ||
          namesIn(`${this.runPath(id)}/leases`).some(
            (address) => linkOf(`${this.runPath(id)}/leases/${address}`) === container,
          ),
      );
  }
}

/** What native/net reads. */
function nativeRecord(record: NetworkRecord): Record<string, unknown> {
  const { options } = record;
  const isOn = (value: string | undefined) => value === undefined || value === 'true' || value === '1';
  const modes = ['private', 'vepa', 'bridge', 'passthru']; // by their bits (if_link.h)
  return {
    id: record.id,
    name: record.name,
    driver: record.driver,
    bridge: bridgeName(record),
    internal: record.internal,
    masquerade: isOn(options[optionNames.masquerade]),
    interContainer: isOn(options[optionNames.interContainer]),
    mtu: Number(options[optionNames.mtu] ?? (record.driver === 'macvlan' ? 0 : 1500)),
    gateways: record.subnets.map(({ subnet, gateway }) => ({
      address: gateway,
      prefix: parseSubnet(subnet)?.prefix,
    })),
    parent: options[optionNames.parent] ?? '',
    mode: 1 << modes.indexOf(options[optionNames.mode] ?? 'bridge'),
  };
}

interface NativeMember {
  readonly name: string;
  readonly interface: string;
  readonly mac: string;
  readonly names: readonly string[];
  readonly addresses: readonly { address: string; prefix: number }[];
  readonly ports: readonly { protocol: number; host: string; hostPort: number; containerPort: number }[];
}

function readMember(path: string): NetworkMember | null {
  const json = readText(path);
  if (json === null) return null;
  const { addresses, ports, ...member } = JSON.parse(json) as NativeMember;
  return {
    ...member,
    addresses: addresses.map(({ address, prefix }) => `${address}/${prefix}`),
    ports: ports.map(
      ({ protocol, host, hostPort, containerPort }): PublishedPort => ({
        protocol: protocol === 6 ? 'tcp' : 'udp',
        hostIp: host,
        hostPort,
        containerPort,
      }),
    ),
  };
}

function isId(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}

function namesIn(directory: string): string[] {
  return ignoringAbsence(() => readdirSync(directory)) ?? [];
}

function readText(path: string): string | null {
  return ignoringAbsence(() => readFileSync(path, 'utf8'));
}

function linkOf(path: string): string | null {
  return ignoringAbsence(() => readlinkSync(path));
}

function ignoringAbsence<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes(String(codeOf(error)))) return null;
    throw error;
  }
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}
