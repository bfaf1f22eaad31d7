import { randomBytes } from 'node:crypto';
import { EngineError } from '../errors/index.ts';
import { formatIp, formatSubnet, overlaps, parseSubnet, type Subnet } from './ip.ts';

/** Where the default network is, if it can. */
const ofDefault = '172.17.0.0/16';

/** Docker's: 172.18.0.0/16 to 172.31.0.0/16, then 192.168.0.0/20 and so on; and of 10.0.0.0/8 what is at its end. */
function* candidates(): Generator<Subnet> {
  for (let second = 18; second <= 31; second++) yield v4(`172.${second}.0.0/16`);
  for (let third = 0; third < 256; third += 16) yield v4(`192.168.${third}.0/20`);
  for (let second = 255; second >= 200; second--)
    for (let third = 0; third < 256; third++) yield v4(`10.${second}.${third}.0/24`);
}

/** The first subnet of the pool that nothing has. ERR_ADDRESSES_EXHAUSTED. */
export function chooseSubnet(taken: readonly Subnet[], isDefault: boolean): Subnet {
  if (isDefault && !taken.some((other) => overlaps(v4(ofDefault), other))) return v4(ofDefault);
  for (const subnet of candidates()) if (!taken.some((other) => overlaps(subnet, other))) return subnet;
  throw new EngineError(
    'ERR_ADDRESSES_EXHAUSTED',
    'every subnet of the pool is taken by a network or a route of this host: remove networks (`strake network prune`), or ' +
      'give one with --subnet',
  );
}

/** A unique local one (RFC 4193), at random. */
export function chooseIpv6Subnet(): Subnet {
  const value = BigInt(`0xfd${randomBytes(5).toString('hex')}`) << 80n;
  return { family: 6, first: value, prefix: 64 };
}

/** The first address of a subnet that can be somebody's. */
export function firstAddress(subnet: Subnet): string {
  return formatIp({ family: subnet.family, value: subnet.first + 1n });
}

export { formatSubnet };

function v4(text: string): Subnet {
  return parseSubnet(text) as Subnet;
}
