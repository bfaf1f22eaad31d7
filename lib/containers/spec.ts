import { parsePlatform } from '../oci/index.ts';
import { parseCapability } from './capabilities.ts';
import { parseHealth, type SpecHealth } from './health.ts';
import { parseContainerName } from './names.ts';
import {
  absolutePath,
  byteSize,
  flag,
  integer,
  invalidOption,
  oneOf,
  text,
  textRecord,
  texts,
} from './option-values.ts';
import type { ContainerOptions } from './options.ts';
import { parseRestart, type RestartPolicy } from './restart-policy.ts';
import { parseSignal, signalName } from './signals.ts';
import { parseDeviceRule, parseDevices, type SpecDevice, type SpecDeviceRule } from './spec-devices.ts';
import { parseLimits, type SpecLimits } from './spec-limits.ts';
import { parseLog, type SpecLog } from './spec-log.ts';
import { parseMount, type SpecMount } from './spec-mounts.ts';
import { parseNamespaces, refuseConflicts, type SpecNamespaces } from './spec-namespaces.ts';
import { parseNetworkOptions, type SpecNetwork } from './spec-network.ts';
import { parseSecurity, type SpecSecurity } from './spec-security.ts';
import { parseSysctls } from './spec-sysctls.ts';
import { parseVolumesFrom, type SpecVolumesFrom } from './volumes-from.ts';

/**
 * ContainerOptions, parsed: no string in here needs to be understood again, and everything is plain JSON, because the
 * record keeps it. `null` means "the image decides".
 */
export interface ContainerSpec extends SpecSecurity, SpecNetwork {
  readonly name: string | null;
  readonly argv: readonly string[] | null;
  readonly entrypoint: readonly string[] | null;
  /** `NAME=value` */
  readonly env: readonly string[];
  readonly cwd: string | null;
  readonly user: string | null;
  readonly groups: readonly string[];
  readonly tty: boolean;
  readonly stdin: boolean;
  /** Absent: as it is started. */
  readonly stdinOnce?: boolean;
  readonly hostname: string | null;
  readonly domainname: string | null;
  /** [name, address] */
  readonly extraHosts: readonly (readonly [string, string])[];
  readonly dns: {
    readonly servers: readonly string[];
    readonly search: readonly string[];
    readonly options: readonly string[];
  };
  readonly mounts: readonly SpecMount[];
  /** Of the record of a container that is made: resolved already. */
  readonly volumesFrom: readonly SpecVolumesFrom[];
  /** Bytes; null: unlimited. */
  readonly storageSize: number | null;
  readonly readOnly: boolean;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly limits: SpecLimits;
  /** The cgroup that its own is made in, below the delegated root, without a slash in front. */
  readonly cgroupParent: string;
  readonly devices: readonly SpecDevice[];
  /** "vendor.com/class=name" */
  readonly cdiDevices: readonly string[];
  readonly deviceCgroupRules: readonly SpecDeviceRule[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly init: boolean;
  readonly labels: Readonly<Record<string, string>>;
  /** Of config.json. */
  readonly annotations: Readonly<Record<string, string>>;
  /** "80/tcp": what is said to be listened on. */
  readonly exposedPorts: readonly string[];
  readonly stopSignal: string | null;
  /** Seconds. */
  readonly stopTimeout: number;
  readonly autoRemove: boolean;
  readonly restart: RestartPolicy;
  /** false: none; null: the image decides. */
  readonly health: SpecHealth | false | null;
  readonly platform: string | null;
  readonly pull: 'missing' | 'always' | 'never';
  readonly log: SpecLog;
  readonly hide: readonly string[];
  readonly namespaces: SpecNamespaces;
}

/**
 * Parses what a caller asked for. Pure: it looks at nothing of this machine.
 * @throws EngineError ERR_CONTAINER_OPTION_INVALID, ERR_CONTAINER_NAME_INVALID, ERR_PLATFORM_INVALID
 */
export function parseContainerOptions(options: ContainerOptions): ContainerSpec {
  refuseUnknown(options);
  refuseConflicts(options);
  return {
    ...parseIdentity(options),
    ...parseProcess(options),
    ...parseSurroundings(options),
    ...parseRights(options),
    ...parseLifecycle(options),
    mounts: parseMounts(options),
    volumesFrom: (options.volumesFrom ?? []).map(parseVolumesFrom),
    limits: parseLimits(options.limits ?? {}),
    cgroupParent: parseCgroupParent(options.cgroupParent ?? 'strake'),
    ...parseDevices(options.devices ?? []),
    deviceCgroupRules: texts('deviceCgroupRules', options.deviceCgroupRules ?? []).map(parseDeviceRule),
  };
}

function parseIdentity(options: ContainerOptions) {
  return {
    name: options.name === undefined ? null : parseContainerName(text('name', options.name)),
    labels: Object.fromEntries(textRecord('labels', options.labels ?? {})),
    annotations: Object.fromEntries(textRecord('annotations', options.annotations ?? {})),
    exposedPorts: texts('expose', options.expose ?? []).flatMap(parseExposed),
    platform: options.platform === undefined ? null : checkedPlatform(text('platform', options.platform)),
    pull: oneOf('pull', options.pull ?? 'missing', ['missing', 'always', 'never'] as const),
  };
}

function parseProcess(options: ContainerOptions) {
  return {
    argv: options.argv === undefined ? null : texts('argv', options.argv),
    entrypoint: options.entrypoint === undefined ? null : texts('entrypoint', options.entrypoint),
    env: parseEnv('env', options.env ?? {}),
    cwd: options.cwd === undefined ? null : absolutePath('cwd', options.cwd),
    user: options.user === undefined ? null : parseUser(options.user),
    groups: texts('groups', options.groups ?? []),
    tty: flag('tty', options.tty),
    stdin: flag('stdin', options.stdin),
    ...(options.stdinOnce !== undefined && { stdinOnce: flag('stdinOnce', options.stdinOnce) }),
    init: flag('init', options.init),
  };
}

function parseSurroundings(options: ContainerOptions) {
  return {
    hostname: options.hostname === undefined ? null : parseHostname(options.hostname),
    domainname: options.domainname === undefined ? null : parseHostname(options.domainname, 'domainname'),
    extraHosts: textRecord('extraHosts', options.extraHosts ?? {}).map(parseExtraHost),
    dns: {
      servers: texts('dns.servers', options.dns?.servers ?? []).map((server) =>
        oneWord('dns.servers', server),
      ),
      search: texts('dns.search', options.dns?.search ?? []).map((domain) => oneWord('dns.search', domain)),
      options: texts('dns.options', options.dns?.options ?? []).map((option) =>
        oneWord('dns.options', option),
      ),
    },
    ...parseNetworkOptions(options),
    hide: texts('hide', options.hide ?? []).map((path) => absolutePath('hide', path)),
    namespaces: parseNamespaces(options.namespaces ?? {}),
  };
}

function parseRights(options: ContainerOptions) {
  return {
    ...parseSecurity(options.security ?? {}),
    storageSize: options.storageSize === undefined ? null : parseStorageSize(options.storageSize),
    readOnly: flag('readOnly', options.readOnly),
    privileged: flag('privileged', options.privileged),
    capAdd: texts('capAdd', options.capAdd ?? []).map((name) => parseCapability('capAdd', name)),
    capDrop: texts('capDrop', options.capDrop ?? []).map((name) => parseCapability('capDrop', name)),
    sysctls: parseSysctls(options),
  };
}

function parseLifecycle(options: ContainerOptions) {
  const restart = parseRestart(options.restart ?? 'no', options.autoRemove === true);
  return {
    stopSignal: options.stopSignal === undefined ? null : signalName(parseSignal(options.stopSignal)),
    stopTimeout: integer('stopTimeout', options.stopTimeout ?? 10, -1, 2 ** 31 - 1),
    autoRemove: flag('autoRemove', options.autoRemove),
    restart,
    health: parseHealth(options.health, restart),
    log: parseLog(options.log ?? {}),
  };
}

/** `NAME=value` for each entry; a name has no `=`. */
export function parseEnv(option: string, env: Readonly<Record<string, string>>): string[] {
  return textRecord(option, env).map(([name, value]) => {
    if (name.includes('=')) throw invalidOption(option, name, 'the name of a variable cannot contain "="');
    return `${name}=${value}`;
  });
}

/** Only the form is checked here; who that is, is resolved in the container's own /etc/passwd. */
export function parseUser(value: unknown): string {
  const user = text('user', value);
  if (/^[^:\s]*(:[^:\s]+)?$/.test(user)) return user;
  throw invalidOption(
    'user',
    user,
    'write a name or uid, and optionally ":" and a group: 1000:1000, www-data',
  );
}

function parseStorageSize(value: unknown): number {
  const bytes = byteSize('storageSize', value);
  if (bytes >= 2 ** 20) return bytes;
  throw invalidOption('storageSize', value, 'it must be at least 1m');
}

function parseMounts(options: ContainerOptions): SpecMount[] {
  const mounts = (options.mounts ?? []).map(parseMount);
  const seen = new Set<string>();
  for (const { target } of mounts) {
    if (seen.has(target))
      throw invalidOption('mounts', target, `Duplicate mount point: ${target}, two mounts have this target`);
    seen.add(target);
  }
  return mounts;
}

function parseHostname(value: unknown, option = 'hostname'): string {
  const name = text(option, value);
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/.test(name)) return name;
  throw invalidOption(option, name, 'use 1 to 64 letters, digits, dots and dashes (sethostname(2))');
}

function parseExtraHost([name, address]: [string, string]): [string, string] {
  return [oneWord('extraHosts', name), oneWord('extraHosts', address)];
}

/** Below the delegated root, however it is written: no component of it may lead elsewhere or be a file of the kernel's. */
function parseCgroupParent(value: unknown): string {
  const parts = text('cgroupParent', value)
    .split('/')
    .filter((part) => part !== '');
  const isSafe = (part: string) =>
    /^[^\p{Cc}]{1,255}$/u.test(part) && !/^(\.{1,2}|cgroup\..*|tasks)$/.test(part);
  if (parts.length > 0 && parts.length <= 32 && parts.every(isSafe)) return parts.join('/');
  throw invalidOption(
    'cgroupParent',
    value,
    'write a path of cgroups without "..", such as /batch or batch.slice',
  );
}

/** "80", "53/udp", "8000-8010/tcp", as docker's --expose. */
function parseExposed(value: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(value.toLowerCase());
  const first = Number(match?.[1]);
  const last = Number(match?.[2] ?? match?.[1]);
  if (match && first >= 1 && last <= 65_535 && first <= last)
    return Array.from({ length: last - first + 1 }, (_, n) => `${first + n}/${match[3] ?? 'tcp'}`);
  throw invalidOption(
    'expose',
    value,
    'invalid range format for --expose; write a port or a range, and tcp, udp or sctp: 8000-8010/tcp',
  );
}

function oneWord(option: string, value: string): string {
  if (/^\S+$/.test(value)) return value;
  throw invalidOption(option, value, 'it must be one word');
}

function checkedPlatform(value: string): string {
  parsePlatform(value);
  return value;
}

const known: ReadonlySet<string> = new Set(
  (
    'name argv entrypoint env cwd user groups tty stdin stdinOnce hostname domainname extraHosts dns mounts volumesFrom network networks ports publishAll links storageSize readOnly ' +
    'annotations expose cgroupParent ' +
    'privileged capAdd capDrop security limits devices deviceCgroupRules sysctls init labels stopSignal stopTimeout ' +
    'autoRemove restart health platform pull log hide namespaces'
  ).split(' '),
);

function refuseUnknown(options: ContainerOptions): void {
  for (const option of Object.keys(options)) {
    if (!known.has(option)) throw invalidOption('option', option, `known are ${[...known].join(', ')}`);
  }
}
