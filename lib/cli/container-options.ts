import { accessSync, constants, readFileSync } from 'node:fs';
import type { ContainerOptions, ResourceLimits } from '../containers/index.ts';
import { installedUserProgram } from '../network/index.ts';
import type { ContainerFlags } from './container-flags.ts';
import {
  invalidFlag,
  numberFlag,
  parseAddHost,
  parseDeviceFlag,
  parseDeviceLimit,
  parseEnvFile,
  parseEnvFlag,
  parseLabelFile,
  parseLabelFlag,
  parsePairFlag,
  parseRestartFlag,
  parseSecurityFlags,
  parseUlimitFlag,
  parseVolumesFromFlag,
  truth,
} from './flag-values.ts';
import { parseUsernsFlag } from './id-flags.ts';
import { limitsOf } from './limit-flags.ts';
import { parseMountFlag, parseTmpfsFlag, parseVolumeFlag } from './mount-flags.ts';
import { networkOptions } from './network-flags.ts';

/** What the flags ask for. @throws EngineError ERR_INVALID_ARGUMENT */
export function containerOptions(flags: ContainerFlags, argv: readonly string[]): ContainerOptions {
  refuseUnavailable(flags);
  return defined({
    name: flags.name,
    argv: argv.length > 0 ? argv : undefined,
    entrypoint:
      flags.entrypoint === undefined ? undefined : flags.entrypoint === '' ? [] : [flags.entrypoint],
    env: readEnvironment(flags),
    cwd: flags.workdir,
    user: flags.user,
    groups: flags.groupAdd,
    tty: flags.tty,
    stdin: flags.interactive,
    hostname: flags.hostname,
    domainname: flags.domainname,
    extraHosts: flags.addHost && Object.fromEntries(flags.addHost.map(parseAddHost)),
    dns: dnsOptions(flags),
    mounts: mounts(flags),
    volumesFrom: flags.volumesFrom?.map(parseVolumesFromFlag),
    ...networkOptions(flags, defaultNetwork(process.env)),
    storageSize: flags.storageOpt && storageSize(flags.storageOpt),
    readOnly: flags.readOnly,
    privileged: flags.privileged,
    capAdd: flags.capAdd,
    capDrop: flags.capDrop,
    security: flags.securityOpt && parseSecurityFlags(flags.securityOpt, readProfile),
    limits: limits(flags),
    devices: flags.device?.map(parseDeviceFlag),
    deviceCgroupRules: flags.deviceCgroupRule,
    sysctls:
      flags.sysctl && Object.fromEntries(flags.sysctl.map((value) => parsePairFlag('--sysctl', value))),
    init: flags.init,
    labels: readLabels(flags),
    stopSignal: flags.stopSignal,
    stopTimeout: flags.stopTimeout,
    autoRemove: flags.rm,
    health: healthOption(flags),
    restart: flags.restart === undefined ? undefined : parseRestartFlag(flags.restart),
    platform: flags.platform,
    pull: flags.pull,
    log: logOptions(flags),
    hide: flags.hide,
    namespaces: namespaces(flags),
    annotations:
      flags.annotation &&
      Object.fromEntries(flags.annotation.map((value) => parsePairFlag('--annotation', value))),
    expose: flags.expose,
    cgroupParent: flags.cgroupParent,
  });
}

/** docker's bridge for whoever can make one, or has a program instead; $STRAKE_NETWORK says otherwise. */
function defaultNetwork({ STRAKE_NETWORK, PATH }: NodeJS.ProcessEnv): string {
  if (STRAKE_NETWORK) return STRAKE_NETWORK;
  const isConnectable = administersNetwork() || (process.geteuid?.() !== 0 && hasUserNetwork(PATH));
  return isConnectable ? 'bridge' : 'none';
}

function hasUserNetwork(path = ''): boolean {
  return installedUserProgram(path) !== null && canOpen('/dev/net/tun');
}

function canOpen(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** CAP_NET_ADMIN (capabilities(7)), and not of a user namespace alone, whose root does not have the host's network. */
function administersNetwork(): boolean {
  const effective = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
  const isHost = /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
  return isHost && ((BigInt(`0x${effective}`) >> 12n) & 1n) === 1n;
}

function refuseUnavailable(flags: ContainerFlags): void {
  if (flags.volumeDriver !== undefined && flags.volumeDriver !== 'local')
    throw invalidFlag(
      '--volume-driver',
      flags.volumeDriver,
      'there are no volume plugins; only local is known',
    );
  if (['false', '0'].includes(String(flags.disableContentTrust)))
    throw invalidFlag(
      '--disable-content-trust',
      'false',
      'Notary signatures are not verified here; leave it out',
    );
}

/** Modes are the library's, which says what it does not know. */
function namespaces({
  pid,
  ipc,
  uts,
  cgroupns,
  userns,
}: ContainerFlags): NonNullable<ContainerOptions['namespaces']> {
  const user = userns === undefined ? undefined : parseUsernsFlag(userns);
  return defined({ pid, ipc, uts, cgroup: cgroupns, user }) as NonNullable<ContainerOptions['namespaces']>;
}

/** As docker: those of the files first. */
function readLabels(flags: ContainerFlags): Record<string, string> | undefined {
  if (!flags.label && !flags.labelFile) return undefined;
  const files = (flags.labelFile ?? []).flatMap((path) => parseLabelFile(readText('--label-file', path)));
  return Object.fromEntries([...files, ...(flags.label ?? []).map(parseLabelFlag)]);
}

/** --env-file and then --env; undefined without either. @throws EngineError ERR_INVALID_ARGUMENT */
export function readEnvironment(
  flags: Pick<ContainerFlags, 'env' | 'envFile'>,
): Record<string, string> | undefined {
  if (!flags.env && !flags.envFile) return undefined;
  const files = (flags.envFile ?? []).flatMap((path) =>
    parseEnvFile(readText('--env-file', path), process.env),
  );
  const own = (flags.env ?? [])
    .map((value) => parseEnvFlag(value, process.env))
    .filter((entry) => entry !== null);
  return Object.fromEntries([...files, ...own]);
}

function mounts(flags: ContainerFlags): ContainerOptions['mounts'] {
  return [
    ...(flags.volume ?? []).map((value) => parseVolumeFlag(value, process.cwd())),
    ...(flags.mount ?? []).map((value) => parseMountFlag(value, process.cwd())),
    ...(flags.tmpfs ?? []).map(parseTmpfsFlag),
  ];
}

/** Docker's storage drivers have more options, none of which is overlayfs'. */
function storageSize(values: readonly string[]): string | undefined {
  const options = new Map(values.map((value) => parsePairFlag('--storage-opt', value)));
  const unknown = [...options.keys()].find((key) => key !== 'size');
  if (unknown) throw invalidFlag('--storage-opt', unknown, 'the only option is size');
  return options.get('size');
}

function dnsOptions(flags: ContainerFlags): ContainerOptions['dns'] | undefined {
  if (!flags.dns && !flags.dnsSearch && !flags.dnsOption) return undefined;
  return defined({ servers: flags.dns, search: flags.dnsSearch, options: flags.dnsOption });
}

function limits(flags: ContainerFlags): ResourceLimits {
  return defined({
    ...limitsOf(flags),
    memorySwappiness: flags.memorySwappiness,
    oomKillDisable: flags.oomKillDisable,
    blkioWeightDevices: deviceLimits('--blkio-weight-device', flags.blkioWeightDevice, Number),
    deviceReadBps: deviceLimits('--device-read-bps', flags.deviceReadBps, String),
    deviceWriteBps: deviceLimits('--device-write-bps', flags.deviceWriteBps, String),
    deviceReadIops: deviceLimits('--device-read-iops', flags.deviceReadIops, Number),
    deviceWriteIops: deviceLimits('--device-write-iops', flags.deviceWriteIops, Number),
    ulimits: flags.ulimit && Object.fromEntries(flags.ulimit.map(parseUlimitFlag)),
    shmSize: flags.shmSize,
    oomScoreAdj: flags.oomScoreAdj,
  });
}

/** `/dev/sda:10mb` */
function deviceLimits<T>(
  flag: string,
  values: readonly string[] | undefined,
  parse: (value: string) => T,
): Record<string, T> | undefined {
  return values && Object.fromEntries(values.map((value) => parseDeviceLimit(flag, value, parse)));
}

function healthOption(flags: ContainerFlags): ContainerOptions['health'] {
  if (!flags.healthcheck) return false;
  const health = defined({
    test: flags.healthCmd,
    interval: flags.healthInterval,
    timeout: flags.healthTimeout,
    startPeriod: flags.healthStartPeriod,
    startInterval: flags.healthStartInterval,
    retries: flags.healthRetries,
    restartOnUnhealthy: flags.restartOnUnhealthy,
  });
  return Object.keys(health).length === 0 ? undefined : health;
}

function logOptions(flags: ContainerFlags): ContainerOptions['log'] | undefined {
  if (!flags.logDriver && !flags.logOpt) return undefined;
  const options = new Map((flags.logOpt ?? []).map((value) => parsePairFlag('--log-opt', value)));
  const unknown = [...options.keys()].find((key) => !logOptionNames.includes(key));
  if (unknown) throw invalidFlag('--log-opt', unknown, `known are ${logOptionNames.join(', ')}`);
  const mode = options.get('mode') ?? 'blocking';
  if (mode !== 'blocking')
    throw invalidFlag('--log-opt mode', mode, 'output is never dropped here: leave it out, or give blocking');
  const maxFile = options.get('max-file');
  const compress = options.get('compress');
  return defined({
    driver: flags.logDriver as NonNullable<ContainerOptions['log']>['driver'],
    maxSize: options.get('max-size'),
    maxFile: maxFile === undefined ? undefined : numberFlag('--log-opt max-file')(maxFile),
    compress: compress === undefined ? undefined : truth(compress, compress),
    details: logDetails(options),
  });
}

const logOptionNames = 'max-size max-file compress labels labels-regex env env-regex tag mode'.split(' ');

function logDetails(options: ReadonlyMap<string, string>) {
  const names = (key: string) =>
    options
      .get(key)
      ?.split(',')
      .filter((name) => name !== '');
  const details = defined({
    labels: names('labels'),
    env: names('env'),
    labelsRegex: options.get('labels-regex'),
    envRegex: options.get('env-regex'),
    tag: options.get('tag'),
  });
  return Object.keys(details).length > 0 ? details : undefined;
}

function readProfile(path: string): unknown {
  const content = readText('--security-opt seccomp', path);
  try {
    return JSON.parse(content);
  } catch (error) {
    throw invalidFlag('--security-opt seccomp', path, `it is no JSON: ${(error as Error).message}`);
  }
}

function readText(flag: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw invalidFlag(flag, path, `it cannot be read: ${(error as Error).message}`);
  }
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Without the entries that are undefined. */
export function defined<T extends object>(values: T): Defined<T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Defined<T>;
}
