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
import { parseDevice, parseDeviceRule, type SpecDevice, type SpecDeviceRule } from './spec-devices.ts';
import { parseLimits, type SpecLimits } from './spec-limits.ts';
import { parseMount, type SpecMount } from './spec-mounts.ts';
import { parseNetworkOptions, type SpecNetwork } from './spec-network.ts';
import { parseVolumesFrom, type SpecVolumesFrom } from './volumes-from.ts';

/**
 * ContainerOptions, parsed: no string in here needs to be understood again, and everything is plain JSON, because the
 * record keeps it. `null` means "the image decides".
 */
export interface ContainerSpec extends SpecNetwork {
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
  readonly readOnly: boolean;
  readonly privileged: boolean;
  readonly capAdd: readonly string[];
  readonly capDrop: readonly string[];
  readonly seccomp: 'default' | 'unconfined' | Readonly<Record<string, unknown>>;
  readonly noNewPrivileges: boolean;
  readonly maskedPaths: readonly string[] | null;
  readonly readonlyPaths: readonly string[] | null;
  readonly limits: SpecLimits;
  readonly devices: readonly SpecDevice[];
  readonly deviceCgroupRules: readonly SpecDeviceRule[];
  readonly sysctls: Readonly<Record<string, string>>;
  readonly init: boolean;
  readonly labels: Readonly<Record<string, string>>;
  readonly stopSignal: string | null;
  /** Seconds. */
  readonly stopTimeout: number;
  readonly autoRemove: boolean;
  readonly restart: RestartPolicy;
  /** false: none; null: the image decides. */
  readonly health: SpecHealth | false | null;
  readonly platform: string | null;
  readonly pull: 'missing' | 'always' | 'never';
  readonly log: {
    readonly driver: 'json-file' | 'none';
    /** Bytes; null: unlimited. */
    readonly maxSize: number | null;
    readonly maxFile: number;
  };
  readonly hide: readonly string[];
  readonly namespaces: {
    readonly pid: 'private' | 'host';
    readonly ipc: 'private' | 'host';
    readonly uts: 'private' | 'host';
    readonly cgroup: 'private' | 'host';
    readonly user: { readonly hostId: number; readonly size: number } | null;
  };
}

/**
 * Parses what a caller asked for. Pure: it looks at nothing of this machine.
 * @throws EngineError ERR_CONTAINER_OPTION_INVALID, ERR_CONTAINER_NAME_INVALID, ERR_PLATFORM_INVALID
 */
export function parseContainerOptions(options: ContainerOptions): ContainerSpec {
  refuseUnknown(options);
  return {
    ...parseIdentity(options),
    ...parseProcess(options),
    ...parseSurroundings(options),
    ...parseSecurity(options),
    ...parseLifecycle(options),
    mounts: parseMounts(options),
    volumesFrom: (options.volumesFrom ?? []).map(parseVolumesFrom),
    limits: parseLimits(options.limits ?? {}),
    devices: (options.devices ?? []).map(parseDevice),
    deviceCgroupRules: texts('deviceCgroupRules', options.deviceCgroupRules ?? []).map(parseDeviceRule),
  };
}

function parseIdentity(options: ContainerOptions) {
  return {
    name: options.name === undefined ? null : parseContainerName(text('name', options.name)),
    labels: Object.fromEntries(textRecord('labels', options.labels ?? {})),
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

function parseSecurity(options: ContainerOptions) {
  const security = options.security ?? {};
  const paths = (option: string, value: readonly string[] | undefined) =>
    value === undefined ? null : texts(option, value).map((path) => absolutePath(option, path));
  return {
    readOnly: flag('readOnly', options.readOnly),
    privileged: flag('privileged', options.privileged),
    capAdd: texts('capAdd', options.capAdd ?? []).map((name) => parseCapability('capAdd', name)),
    capDrop: texts('capDrop', options.capDrop ?? []).map((name) => parseCapability('capDrop', name)),
    seccomp: parseSeccomp(security.seccomp ?? 'default'),
    noNewPrivileges: flag('security.noNewPrivileges', security.noNewPrivileges),
    maskedPaths: paths('security.maskedPaths', security.maskedPaths),
    readonlyPaths: paths('security.readonlyPaths', security.readonlyPaths),
    sysctls: Object.fromEntries(textRecord('sysctls', options.sysctls ?? {}).map(parseSysctl)),
  };
}

function parseLifecycle(options: ContainerOptions) {
  const restart = parseRestart(options.restart ?? 'no', options.autoRemove === true);
  const { driver = 'json-file', maxSize = '64m', maxFile = 2 } = options.log ?? {};
  return {
    stopSignal: options.stopSignal === undefined ? null : signalName(parseSignal(options.stopSignal)),
    stopTimeout: integer('stopTimeout', options.stopTimeout ?? 10, -1, 2 ** 31 - 1),
    autoRemove: flag('autoRemove', options.autoRemove),
    restart,
    health: parseHealth(options.health, restart),
    log: {
      driver: oneOf('log.driver', driver, ['json-file', 'none'] as const),
      maxSize: parseLogSize(maxSize),
      maxFile: integer('log.maxFile', maxFile, 1, 1000),
    },
  };
}

/** A log without a bound is only ever asked for: docs/decisions/009-bounded-logs.md. */
function parseLogSize(value: unknown): number | null {
  const bytes = byteSize('log.maxSize', value, true);
  if (bytes === 0) throw invalidOption('log.maxSize', value, 'give a size such as 64m, or -1 for no limit');
  return bytes === -1 ? null : bytes;
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

function parseMounts(options: ContainerOptions): SpecMount[] {
  const mounts = (options.mounts ?? []).map(parseMount);
  const seen = new Set<string>();
  for (const { target } of mounts) {
    if (seen.has(target)) throw invalidOption('mounts', target, 'two mounts have this target');
    seen.add(target);
  }
  return mounts;
}

function parseNamespaces(
  namespaces: NonNullable<ContainerOptions['namespaces']>,
): ContainerSpec['namespaces'] {
  const kind = (name: 'pid' | 'ipc' | 'uts' | 'cgroup') =>
    oneOf(`namespaces.${name}`, namespaces[name] ?? 'private', ['private', 'host'] as const);
  const { user } = namespaces;
  return {
    pid: kind('pid'),
    ipc: kind('ipc'),
    uts: kind('uts'),
    cgroup: kind('cgroup'),
    user: user
      ? {
          hostId: integer('namespaces.user.hostId', user.hostId, 0, 2 ** 32 - 2),
          size: integer('namespaces.user.size', user.size ?? 65_536, 1, 2 ** 32 - 2),
        }
      : null,
  };
}

function parseSeccomp(seccomp: unknown): ContainerSpec['seccomp'] {
  if (seccomp === 'default' || seccomp === 'unconfined') return seccomp;
  if (typeof seccomp === 'object' && seccomp !== null && 'defaultAction' in seccomp) {
    return seccomp as Readonly<Record<string, unknown>>;
  }
  throw invalidOption(
    'security.seccomp',
    seccomp,
    'give "default", "unconfined", or a profile with a defaultAction',
  );
}

function parseHostname(value: unknown, option = 'hostname'): string {
  const name = text(option, value);
  if (/^[A-Za-z0-9]([A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/.test(name)) return name;
  throw invalidOption(option, name, 'use 1 to 64 letters, digits, dots and dashes (sethostname(2))');
}

function parseExtraHost([name, address]: [string, string]): [string, string] {
  return [oneWord('extraHosts', name), oneWord('extraHosts', address)];
}

function parseSysctl([name, value]: [string, string]): [string, string] {
  if (/^[a-zA-Z0-9_-]+([./][a-zA-Z0-9_*:-]+)+$/.test(name)) return [name, value];
  throw invalidOption('sysctls', name, 'write it as in sysctl(8): net.ipv4.ip_forward');
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
    'name argv entrypoint env cwd user groups tty stdin hostname domainname extraHosts dns mounts volumesFrom network networks ports expose publishAll links readOnly ' +
    'privileged capAdd capDrop security limits devices deviceCgroupRules sysctls init labels stopSignal stopTimeout ' +
    'autoRemove restart health platform pull log hide namespaces'
  ).split(' '),
);

function refuseUnknown(options: ContainerOptions): void {
  for (const option of Object.keys(options)) {
    if (!known.has(option)) throw invalidOption('option', option, `known are ${[...known].join(', ')}`);
  }
}
