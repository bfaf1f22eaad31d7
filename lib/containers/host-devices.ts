import type { Stats } from 'node:fs';
import { lstat, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors/index.ts';
import type { BlockDevices, HostDevice } from './runtime-config.ts';
import type { ContainerSpec } from './spec.ts';
import type { SpecDevice } from './spec-devices.ts';

/** Below /dev, what a container has of its own or must not have (moby daemon, GetDevices). */
const skipped: ReadonlySet<string> = new Set([
  'pts',
  'shm',
  'fd',
  'mqueue',
  'console',
  '.lxc',
  '.lxd-mounts',
  '.udev',
]);

/** The devices of this machine that a container gets besides the usual ones. @throws EngineError ERR_DEVICE_INVALID */
export async function hostDevices(spec: ContainerSpec): Promise<HostDevice[]> {
  const asked = (await Promise.all(spec.devices.map(askedDevices))).flat();
  return spec.privileged ? [...(await devicesBelow('/dev', '/dev', 'rwm')), ...asked] : asked;
}

/** One device of this machine. @throws EngineError ERR_DEVICE_INVALID */
export async function hostDevice(path: string): Promise<HostDevice> {
  const device = deviceOf(await statDevice(path), path, 'rwm');
  if (device !== null) return device;
  throw new EngineError('ERR_DEVICE_INVALID', `${path} is no device`, { details: { path } });
}

/** The numbers of the block devices that its limits are about. @throws EngineError ERR_DEVICE_INVALID */
export async function blockDevicesOf({ limits }: ContainerSpec): Promise<BlockDevices> {
  const paths = new Set((limits.blkioDevices ?? []).map(({ path }) => path));
  const numbers = [...paths].map(async (path) => {
    const { type, major, minor } = await hostDevice(path);
    if (type === 'b') return [path, { major, minor }] as const;
    throw new EngineError('ERR_DEVICE_INVALID', `${path} is no block device: only those have such limits`, {
      details: { path },
    });
  });
  return Object.fromEntries(await Promise.all(numbers));
}

async function statDevice(path: string): Promise<Stats> {
  return await stat(path).catch((cause: unknown) => {
    throw new EngineError('ERR_DEVICE_INVALID', `there is no device ${path} on this machine`, {
      cause,
      details: { path },
    });
  });
}

async function askedDevices({ path, target, access }: SpecDevice): Promise<HostDevice[]> {
  const info = await statDevice(path);
  if (info.isDirectory()) return await devicesBelow(path, target, access);
  const device = deviceOf(info, target, access);
  if (device !== null) return [device];
  throw new EngineError('ERR_DEVICE_INVALID', `${path} is neither a device nor a directory of devices`, {
    details: { path },
  });
}

async function devicesBelow(directory: string, target: string, access: string): Promise<HostDevice[]> {
  const entries = await readdir(directory);
  const found = await Promise.all(
    entries
      .filter((entry) => !skipped.has(entry))
      .map(async (entry) => {
        const path = join(directory, entry);
        const info = await lstat(path).catch(() => null); // gone since
        if (info?.isDirectory()) return await devicesBelow(path, join(target, entry), access);
        const device = info && deviceOf(info, join(target, entry), access);
        return device ? [device] : [];
      }),
  );
  return found.flat();
}

function deviceOf(info: Stats, path: string, access: string): HostDevice | null {
  if (!info.isCharacterDevice() && !info.isBlockDevice()) return null;
  const { major, minor } = deviceNumber(info.rdev);
  return {
    path,
    type: info.isBlockDevice() ? 'b' : 'c',
    major,
    minor,
    mode: info.mode & 0o7777,
    uid: info.uid,
    gid: info.gid,
    access,
  };
}

/** glibc's gnu_dev_major and gnu_dev_minor, for a number that may not fit 32 bits. */
function deviceNumber(rdev: number): { major: number; minor: number } {
  const number = BigInt(rdev);
  const major = ((number >> 8n) & 0xfffn) | ((number >> 32n) & ~0xfffn);
  const minor = (number & 0xffn) | ((number >> 12n) & 0xffffff00n);
  return { major: Number(major), minor: Number(minor) };
}
