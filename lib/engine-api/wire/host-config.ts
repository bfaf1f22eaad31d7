import type {
  ContainerOptions,
  DeviceOption,
  RestartPolicyName,
  UserNamespaceOption,
} from '../../containers/index.ts';
import type { Fields } from '../json-fields.ts';
import { badRequest } from '../refusal.ts';
import { defined } from './defined.ts';
import { logOptions } from './log-config.ts';
import { mountOptions } from './mounts.ts';
import { limitOptions } from './resources.ts';
import { securityOptions } from './security-options.ts';

type Options = { [K in keyof ContainerOptions]?: ContainerOptions[K] | undefined };

/** docker's HostConfig but for its networks. @throws Refusal 400 for what is not available here, by its name */
export function hostOptions(host: Fields): Options {
  refuseUnavailable(host);
  const options: Options = {
    mounts: mountOptions(host),
    volumesFrom: host.texts('VolumesFrom')?.map(volumesFrom),
    groups: host.texts('GroupAdd'),
    extraHosts:
      host.texts('ExtraHosts') && Object.fromEntries((host.texts('ExtraHosts') ?? []).map(extraHost)),
    dns: dnsOptions(host),
    storageSize: storageSize(host),
    readOnly: host.flag('ReadonlyRootfs'),
    privileged: host.flag('Privileged'),
    capAdd: host.textOrTexts('CapAdd'),
    capDrop: host.textOrTexts('CapDrop'),
    security: securityOptions(host),
    limits: limitOptions(host),
    devices: devices(host),
    deviceCgroupRules: host.texts('DeviceCgroupRules'),
    sysctls: host.textMap('Sysctls'),
    init: host.flag('Init'),
    annotations: host.textMap('Annotations'),
    cgroupParent: host.text('CgroupParent') || undefined,
    autoRemove: host.flag('AutoRemove'),
    restart: restartOption(host),
    log: logOptions(host.object('LogConfig')),
    namespaces: namespaces(host),
  };
  refuseUnknown(host);
  return options;
}

/** Of the networks' part, and those that say nothing to an engine: the CLI's own files and its terminal's size. */
const readElsewhere = new Set(
  'NetworkMode PortBindings PublishAllPorts Links ContainerIDFile ConsoleSize'.toLowerCase().split(' '),
);

/** A field that docker may have tomorrow, and that has a value: who sends it counts on it. */
function refuseUnknown(host: Fields): void {
  const unknown = host.unread().find((name) => !readElsewhere.has(name) && !isEmpty(host.raw(name)));
  if (unknown) throw badRequest(`HostConfig: the field ${unknown} is not known`);
}

const unavailable: Readonly<Record<string, string>> = {
  KernelMemory: 'Linux 5.16 and later have no such limit: use Memory',
  KernelMemoryTCP: 'it is not supported: use Memory',
  CpuCount: 'it is for Windows: use NanoCpus',
  CpuPercent: 'it is for Windows: use NanoCpus',
  IOMaximumIOps: 'it is for Windows: use BlkioDeviceReadIOps and BlkioDeviceWriteIOps',
  IOMaximumBandwidth: 'it is for Windows: use BlkioDeviceReadBps and BlkioDeviceWriteBps',
  Cgroup: 'a container has a cgroup of its own',
};

/** By field, the values that mean what is anyhow. */
const onlyValues: Readonly<Record<string, readonly string[]>> = {
  Runtime: ['runc', 'io.containerd.runc.v2', 'strake'],
  Isolation: ['default'],
  VolumeDriver: ['local'],
};

function refuseUnavailable(host: Fields): void {
  for (const [name, reason] of Object.entries(unavailable))
    if (!isEmpty(host.raw(name))) throw badRequest(`${host.pathOf(name)} is not available: ${reason}`);
  for (const [name, allowed] of Object.entries(onlyValues)) {
    const value = host.text(name) ?? '';
    if (value === '' || allowed.includes(value)) continue;
    if (name === 'Runtime') throw badRequest(`unknown or invalid runtime name: ${value}`);
    throw badRequest(`${host.pathOf(name)}: ${value} is not available; known are ${allowed.join(', ')}`);
  }
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === 0 || value === '' || value === false || value === null) return true;
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0;
}

/** `container`, `container:ro` */
function volumesFrom(text: string): NonNullable<ContainerOptions['volumesFrom']>[number] {
  const [container = '', modes = ''] = text.split(':');
  return { container, readOnly: modes.split(',').includes('ro') };
}

/** `name:address`, the address perhaps an IPv6 one. */
function extraHost(text: string): [string, string] {
  const match = /^([^:=]+)[:=](.+)$/.exec(text);
  if (!match?.[1] || !match[2])
    throw badRequest(`bad format for add-host: ${JSON.stringify(text.slice(0, 200))}`);
  return [match[1], match[2].replace(/^\[(.*)\]$/, '$1')];
}

function dnsOptions(host: Fields): ContainerOptions['dns'] | undefined {
  const dns = defined({
    servers: host.texts('Dns'),
    search: host.texts('DnsSearch'),
    options: host.texts('DnsOptions'),
  });
  return Object.values(dns).some((list) => list.length > 0) ? dns : undefined;
}

function storageSize(host: Fields): string | undefined {
  const { size, ...others } = host.textMap('StorageOpt') ?? {};
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined)
    throw badRequest(`HostConfig.StorageOpt: ${unknown} is not known; known is size`);
  return size;
}

function devices(host: Fields): (DeviceOption | string)[] {
  const paths = (host.objects('Devices') ?? []).map((device) =>
    defined({
      path: device.text('PathOnHost') ?? '',
      target: device.text('PathInContainer') || undefined,
      access: device.text('CgroupPermissions') || undefined,
    }),
  );
  return [...paths, ...(host.objects('DeviceRequests') ?? []).flatMap(requestedDevices)];
}

/** CDI alone: other drivers are programs of a vendor's that only dockerd starts. */
function requestedDevices(request: Fields): string[] {
  const driver = request.text('Driver') ?? '';
  request.raw('Options');
  if (driver === 'cdi') return request.texts('DeviceIDs') ?? [];
  throw badRequest(
    `could not select device driver ${JSON.stringify(driver)} with capabilities: ${JSON.stringify(request.raw('Capabilities') ?? [])}: name CDI devices`,
  );
}

function restartOption(host: Fields): ContainerOptions['restart'] | undefined {
  const policy = host.object('RestartPolicy');
  const name = policy?.text('Name');
  if (policy === undefined || !name) return undefined;
  return { policy: name as RestartPolicyName, maximumRetries: policy.integer('MaximumRetryCount') ?? 0 };
}

/** Modes are the library's, which says what it does not know. */
function namespaces(host: Fields): NonNullable<ContainerOptions['namespaces']> {
  return defined({
    pid: host.text('PidMode') || undefined,
    ipc: host.text('IpcMode') || undefined,
    uts: host.text('UTSMode') || undefined,
    cgroup: host.text('CgroupnsMode') || undefined,
    user: userNamespace(host.text('UsernsMode') ?? ''),
  }) as NonNullable<ContainerOptions['namespaces']>;
}

function userNamespace(mode: string): UserNamespaceOption | undefined {
  if (mode === '') return undefined;
  if (mode === 'host' || mode === 'auto' || mode === 'remap') return mode;
  throw badRequest(`invalid USER mode: ${mode.slice(0, 100)}: use host, auto or remap`);
}
