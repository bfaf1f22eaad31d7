import { readdirSync, readFileSync, readlinkSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lockFile } from '../../bindings/files.ts';
import { EngineError } from '../errors/index.ts';
import { contains, formatIp, type Ip, parseIp, parseSubnet, type Subnet, sizeOf } from './ip.ts';
import type { NetworkSubnet } from './network-record.ts';

/** Whether a container's addresses are still its own; asked of whoever knows containers. */
export type IsAlive = (container: string) => Promise<boolean>;

/** Tries before all leases are looked at: so many addresses in a row are rarely taken. */
const hastyTries = 64;

/**
 * Who has which address: one symbolic link ADDRESS -> container in `directory` (RUN/networks/ID/leases). symlink(2) is
 * atomic, so that any number of processes may take addresses at once, with no lock; a network that is removed has no
 * directory any more, and with it nobody gets an address. A lease whose container is gone is ended by whoever needs one.
 *
 * Who ends a lease, or takes one for his that he has already, holds RUN/networks/leases.lock from the look at it on
 * (native/net/records.cc too): unlink(2) goes by the name, and meanwhile the address might be somebody else's.
 */
export class Leases {
  readonly #directory: string;
  readonly #isAlive: IsAlive;

  constructor(directory: string, isAlive: IsAlive) {
    this.#directory = directory;
    this.#isAlive = isAlive;
  }

  path(address: string): string {
    return `${this.#directory}/${address}`;
  }

  /**
   * An address of the subnet for a container: the one that is asked for, or one that was not had for long.
   * ERR_ADDRESS_IN_USE, ERR_ADDRESSES_EXHAUSTED, ERR_NETWORK_OPTION_INVALID, ERR_NETWORK_NOT_FOUND.
   */
  async take(subnet: NetworkSubnet, container: string, asked: string | null): Promise<string> {
    return asked === null
      ? await this.#takeNext(subnet, container)
      : await this.#takeAsked(subnet, container, asked);
  }

  async release(address: string, container: string): Promise<void> {
    using _lock = await this.#lock();
    const path = this.path(address);
    if (holderOf(path) === container) unlinkIfThere(path);
  }

  /** All that a container has. */
  async releaseAll(container: string): Promise<void> {
    for (const address of this.#list()) await this.release(address, container);
  }

  /** Ends it if its container is gone; whose it is afterwards, or null. */
  async endIfDead(address: string): Promise<string | null> {
    using _lock = await this.#lock();
    const path = this.path(address);
    const holder = holderOf(path);
    if (holder === null || (await this.#isAlive(holder))) return holder;
    unlinkIfThere(path);
    return null;
  }

  async #takeAsked(subnet: NetworkSubnet, container: string, asked: string): Promise<string> {
    const range = parseSubnet(subnet.subnet) as Subnet;
    const ip = parseIp(asked);
    if (ip === null || !contains(range, ip) || isReserved(subnet, range, ip))
      throw notOfNetwork(asked, subnet);
    const address = formatIp(ip);
    if (this.#claim(address, container)) return address;
    const holder = await this.#endUnlessOf(address, container);
    if (holder === container || (holder === null && this.#claim(address, container))) return address;
    throw inUse(address, holder ?? holderOf(this.path(address)));
  }

  /** The container's own is left to it. */
  async #endUnlessOf(address: string, container: string): Promise<string | null> {
    {
      using _lock = await this.#lock();
      if (holderOf(this.path(address)) === container) return container;
    }
    return await this.endIfDead(address);
  }

  async #takeNext(subnet: NetworkSubnet, container: string): Promise<string> {
    const range = parseSubnet(subnet.ipRange ?? subnet.subnet) as Subnet;
    const whole = parseSubnet(subnet.subnet) as Subnet;
    const hint = `${this.#directory}/../next-${range.family}`;
    const from = nextAfter(hint, range);
    const address =
      this.#search(subnet, whole, range, from, container, hastyTries) ??
      (await this.#searchAll(subnet, whole, range, from, container));
    if (address === null) throw exhausted(subnet);
    writeFileSync(hint, address); // where to go on: no more than a hint
    return address;
  }

  /** What is left when those that are taken are known, and those of the dead are free. */
  async #searchAll(subnet: NetworkSubnet, whole: Subnet, range: Subnet, from: bigint, container: string) {
    for (const address of this.#list()) {
      if (holderOf(this.path(address)) !== container) await this.endIfDead(address);
    }
    const tries = this.#list().length + 8; // gateway, first, last, and a few that others take meanwhile
    const reserved = Object.keys(subnet.auxiliary).length;
    return this.#search(subnet, whole, range, from, container, tries + reserved);
  }

  #search(
    subnet: NetworkSubnet,
    whole: Subnet,
    range: Subnet,
    from: bigint,
    container: string,
    tries: number,
  ): string | null {
    const size = sizeOf(range);
    const count = size < BigInt(tries) ? size : BigInt(tries);
    for (let n = 0n; n < count; n++) {
      const value = range.first + ((from - range.first + n) % size);
      const ip: Ip = { family: range.family, value };
      if (isReserved(subnet, whole, ip)) continue;
      const address = formatIp(ip);
      if (this.#claim(address, container)) return address;
    }
    return null;
  }

  async #lock(): Promise<Disposable> {
    const lock = await lockFile(join(this.#directory, '../../leases.lock'), { shared: false, wait: true });
    return { [Symbol.dispose]: () => lock?.release() };
  }

  #claim(address: string, container: string): boolean {
    try {
      symlinkSync(container, this.path(address));
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      if (codeOf(error) === 'ENOENT')
        throw new EngineError('ERR_NETWORK_NOT_FOUND', 'the network has just been removed', { cause: error });
      throw error;
    }
  }

  #list(): string[] {
    try {
      return readdirSync(this.#directory);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return [];
      throw error;
    }
  }
}

/** Of the whole subnet: the first, in IPv4 the last (broadcast), the gateway, and what is somebody else's. */
function isReserved(subnet: NetworkSubnet, whole: Subnet, ip: Ip): boolean {
  const isPair = sizeOf(whole) <= 2n; // RFC 3021, RFC 6164
  if (!isPair && ip.value === whole.first) return true;
  if (!isPair && whole.family === 4 && ip.value === whole.first + sizeOf(whole) - 1n) return true;
  const text = formatIp(ip);
  return text === subnet.gateway || Object.values(subnet.auxiliary).includes(text);
}

function nextAfter(hint: string, range: Subnet): bigint {
  const last = parseIp(readIfThere(hint) ?? '');
  return last !== null && contains(range, last) ? last.value + 1n : range.first;
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function holderOf(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

function codeOf(error: unknown): unknown {
  return (error as NodeJS.ErrnoException).code;
}

function notOfNetwork(address: string, { subnet }: NetworkSubnet): EngineError {
  return new EngineError(
    'ERR_NETWORK_OPTION_INVALID',
    `${address.slice(0, 60)} is no address for a container of ${subnet}: give one of that subnet that is neither its first, its ` +
      'last, its gateway nor an auxiliary address',
    { details: { address, subnet } },
  );
}

function inUse(address: string, container: string | null): EngineError {
  return new EngineError(
    'ERR_ADDRESS_IN_USE',
    `${address} is taken by container ${container?.slice(0, 12) ?? 'of somebody else'}: choose another address, or none`,
    { details: { address, container } },
  );
}

function exhausted({ subnet, ipRange }: NetworkSubnet): EngineError {
  return new EngineError(
    'ERR_ADDRESSES_EXHAUSTED',
    `${ipRange ?? subnet} has no address left: remove containers, or make a network with a larger subnet`,
    { details: { subnet, ipRange } },
  );
}
