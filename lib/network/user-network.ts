import { accessSync, constants, mkdirSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';

/**
 * The network of an ordinary user's containers. He can make no bridge, but a program that turns packets into sockets of his
 * own: pasta(1) of passt, or slirp4netns(1). Each container has one of its own, and all have the same address.
 */

/** A container's own; slirp4netns gives no other. */
export const userAddress = '10.0.2.100';
/** Where both programs answer for the host's resolvers, those at loopback addresses too. */
export const userNameServer = '10.0.2.3';

const gateway = '10.0.2.2';
const programs = ['pasta', 'slirp4netns'] as const;
type UserProgram = (typeof programs)[number];

/** Their arguments; "{}" is the path of the network namespace. What is published is the monitor's. */
const argumentsOf: Readonly<Record<UserProgram, readonly string[]>> = {
  pasta: [
    ...['--foreground', '--quiet', '--config-net', '--netns-only', '--no-map-gw'],
    ...['--ns-ifname', 'eth0', '--address', userAddress, '--netmask', '255.255.255.0', '--gateway', gateway],
    ...['--dns-forward', userNameServer],
    ...['--tcp-ports', 'none', '--udp-ports', 'none', '--tcp-ns', 'none', '--udp-ns', 'none'],
    ...['--netns', '{}'],
  ],
  slirp4netns: [
    ...['--configure', '--disable-host-loopback', '--mtu', '65520', '--netns-type', 'path', '{}', 'eth0'],
  ],
};

/** Where the records of a user's containers are, beside those of networks; no network has this id. */
export const userNetworkId = '0'.repeat(64);

/** See NetworkDescription.record. */
export function userRecords(networks: string): string {
  return `${networks}/${userNetworkId}`;
}

export function prepareUserNetwork(networks: string): void {
  mkdirSync(`${userRecords(networks)}/endpoints`, { recursive: true, mode: 0o700 });
}

/** The first that is installed, or null. */
export function installedUserProgram(path = process.env.PATH ?? ''): UserProgram | null {
  return programs.find((name) => findProgram(name, path) !== null) ?? null;
}

/**
 * Path and arguments for a container that asks for these networks: "bridge" (the default) is either program, and each has
 * its own name. ERR_NETWORK_NOT_AVAILABLE.
 */
export function userProgram(networks: readonly string[], path = process.env.PATH ?? ''): string[] {
  const [asked = 'bridge'] = networks;
  const named = programs.find((name) => name === asked);
  if (networks.length > 1 || (asked !== 'bridge' && named === undefined)) throw notForUsers(networks);
  for (const name of named ? [named] : programs) {
    const file = findProgram(name, path);
    if (file !== null) return [file, ...argumentsOf[name]];
  }
  throw new EngineError(
    'ERR_NETWORK_NOT_AVAILABLE',
    `an ordinary user's containers are connected by ${named ?? 'pasta or slirp4netns'}, which is not installed: ` +
      `apt-get install ${named === 'slirp4netns' ? 'slirp4netns' : 'passt'}, or use --network host or none`,
  );
}

function notForUsers(networks: readonly string[]): EngineError {
  return new EngineError(
    'ERR_NETWORK_NOT_AVAILABLE',
    `an ordinary user cannot make bridges: ${networks.join(', ')} is not for his containers; use --network bridge (pasta or ` +
      'slirp4netns), host or none, or run it as root',
    { details: { networks } },
  );
}

/** A user's PATH may well lack the directories of programs for root. */
function findProgram(name: string, path: string): string | null {
  const directories = [...path.split(':').filter((one) => one.startsWith('/')), '/usr/bin', '/usr/sbin'];
  return directories.map((directory) => `${directory}/${name}`).find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
