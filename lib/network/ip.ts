import { isIP } from 'node:net';

/** An address of either family as a number, so that it can be counted from. */
export interface Ip {
  readonly family: 4 | 6;
  readonly value: bigint;
}

/** The addresses from `first` on that have the first `prefix` bits in common. */
export interface Subnet {
  readonly family: 4 | 6;
  readonly first: bigint;
  readonly prefix: number;
}

/** null: it is no address. Zones (`%eth0`) and IPv4 in IPv6 (`::ffff:1.2.3.4`) are none of a network here. */
export function parseIp(text: string): Ip | null {
  const family = isIP(text);
  if (family === 4) return { family: 4, value: fromV4(text) };
  return family === 6 && !/[%.]/.test(text) ? { family: 6, value: fromV6(text) } : null;
}

/** null: it is no `address/prefix`. */
export function parseSubnet(text: string): Subnet | null {
  const [, address = '', prefix = ''] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const ip = parseIp(address);
  const length = Number(prefix);
  if (ip === null || prefix === '' || length > bits(ip.family)) return null;
  return { family: ip.family, first: firstOf(ip, length), prefix: length };
}

/** The subnet of that prefix that an address is in. */
export function subnetOf(ip: Ip, prefix: number): Subnet {
  return { family: ip.family, first: firstOf(ip, prefix), prefix };
}

export function sizeOf({ family, prefix }: Subnet): bigint {
  return 1n << BigInt(bits(family) - prefix);
}

export function contains(subnet: Subnet, ip: Ip): boolean {
  return subnet.family === ip.family && ip.value >= subnet.first && ip.value < subnet.first + sizeOf(subnet);
}

export function overlaps(one: Subnet, other: Subnet): boolean {
  return (
    one.family === other.family &&
    one.first < other.first + sizeOf(other) &&
    other.first < one.first + sizeOf(one)
  );
}

/** IPv6 in the form of RFC 5952. */
export function formatIp({ family, value }: Ip): string {
  return family === 4 ? formatV4(value) : formatV6(value);
}

export function formatSubnet({ family, first, prefix }: Subnet): string {
  return `${formatIp({ family, value: first })}/${prefix}`;
}

function bits(family: 4 | 6): number {
  return family === 4 ? 32 : 128;
}

function firstOf({ family, value }: Ip, prefix: number): bigint {
  const shift = BigInt(bits(family) - prefix);
  return (value >> shift) << shift;
}

function fromV4(text: string): bigint {
  return text.split('.').reduce((value, part) => (value << 8n) | BigInt(Number(part)), 0n);
}

function fromV6(text: string): bigint {
  const [head = '', tail] = text.split('::');
  const words = (part: string) => (part === '' ? [] : part.split(':'));
  const [left, right] = [words(head), words(tail ?? '')];
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  const all = tail === undefined ? left : [...left, ...zeros, ...right];
  return all.reduce((value, word) => (value << 16n) | BigInt(Number.parseInt(word, 16)), 0n);
}

function formatV4(value: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (value >> shift) & 0xffn).join('.');
}

function formatV6(value: bigint): string {
  const words = Array.from({ length: 8 }, (_, n) => Number((value >> BigInt(112 - 16 * n)) & 0xffffn));
  const { at, length } = longestZeros(words);
  const hex = (part: readonly number[]) => part.map((word) => word.toString(16)).join(':');
  return length < 2 ? hex(words) : `${hex(words.slice(0, at))}::${hex(words.slice(at + length))}`;
}

function longestZeros(words: readonly number[]): { at: number; length: number } {
  let best = { at: 0, length: 0 };
  for (let at = 0; at < words.length; at++) {
    let length = 0;
    while (words[at + length] === 0) length++;
    if (length > best.length) best = { at, length };
  }
  return best;
}
