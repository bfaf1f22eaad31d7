import { isCdiName } from '../cdi/index.ts';
import { absolutePath, invalidOption } from './option-values.ts';
import type { DeviceOption } from './options.ts';

export interface SpecDevice {
  readonly path: string;
  readonly target: string;
  readonly access: string;
}

/** null: any. */
export interface SpecDeviceRule {
  readonly type: 'a' | 'b' | 'c';
  readonly major: number | null;
  readonly minor: number | null;
  readonly access: string;
}

/** Paths of this machine, and names of CDI devices. */
export function parseDevices(devices: readonly (DeviceOption | string)[]): {
  devices: SpecDevice[];
  cdiDevices: string[];
} {
  return {
    devices: devices.filter((device) => typeof device !== 'string').map(parseDevice),
    cdiDevices: devices.filter((device) => typeof device === 'string').map(parseCdiName),
  };
}

/** CDI's qualified name: vendor/class=device (container-device-interface, SPEC.md, "CDI Device names"). */
function parseCdiName(name: string): string {
  if (isCdiName(name)) return name;
  throw invalidOption('devices', name, 'write a CDI device as vendor.com/class=name');
}

function parseDevice(device: DeviceOption): SpecDevice {
  const path = absolutePath('devices.path', device.path);
  return {
    path,
    target: device.target === undefined ? path : absolutePath('devices.target', device.target),
    access: parseAccess('devices.access', device.access ?? 'rwm'),
  };
}

/** "c 42:* rmw": type, major and minor or *, and what is allowed. */
export function parseDeviceRule(rule: string): SpecDeviceRule {
  const match = /^([abc]) (\d+|\*):(\d+|\*) ([rwm]{1,3})$/.exec(rule);
  if (!match) throw invalidOption('deviceCgroupRules', rule, 'write it as "c 42:* rmw"');
  const [, type, major, minor, access = ''] = match;
  const number = (value: string | undefined) => (value === '*' ? null : Number(value));
  return {
    type: type as SpecDeviceRule['type'],
    major: number(major),
    minor: number(minor),
    access: parseAccess('deviceCgroupRules', access),
  };
}

function parseAccess(option: string, access: string): string {
  if (/^[rwm]{1,3}$/.test(access) && new Set(access).size === access.length) return access;
  throw invalidOption(option, access, 'it is made of r (read), w (write) and m (make a node)');
}
