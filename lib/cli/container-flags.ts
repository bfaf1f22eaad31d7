import { readFileSync } from 'node:fs';
import { type Command, Option } from 'commander';
import type { ContainerOptions, ResourceLimits } from '../containers/index.ts';
import { EngineError } from '../errors/index.ts';
import {
  invalidFlag,
  parseAddHost,
  parseDeviceFlag,
  parseEnvFile,
  parseEnvFlag,
  parseLabelFlag,
  parseMountFlag,
  parsePairFlag,
  parseSecurityFlags,
  parseTmpfsFlag,
  parseUlimitFlag,
  parseVolumeFlag,
} from './flag-values.ts';

/** The flags that `run` and `create` share, as commander gives them. */
export interface ContainerFlags {
  addHost?: string[];
  blkioWeight?: number;
  capAdd?: string[];
  capDrop?: string[];
  cgroupns?: 'private' | 'host';
  cidfile?: string;
  cpuPeriod?: number;
  cpuQuota?: number;
  cpus?: number;
  cpuShares?: number;
  cpusetCpus?: string;
  cpusetMems?: string;
  device?: string[];
  deviceCgroupRule?: string[];
  dns?: string[];
  dnsOption?: string[];
  dnsSearch?: string[];
  domainname?: string;
  entrypoint?: string;
  env?: string[];
  envFile?: string[];
  groupAdd?: string[];
  hide?: string[];
  hostname?: string;
  init?: true;
  interactive?: true;
  ipc?: 'private' | 'host';
  label?: string[];
  logDriver?: string;
  logOpt?: string[];
  memory?: string;
  memoryReservation?: string;
  memorySwap?: string;
  memorySwappiness?: number;
  mount?: string[];
  name?: string;
  net?: string;
  network?: string;
  oomKillDisable?: true;
  oomScoreAdj?: number;
  pid?: 'private' | 'host';
  pidsLimit?: number;
  platform?: string;
  privileged?: true;
  publish?: string[];
  pull?: 'missing' | 'always' | 'never';
  quiet?: true;
  readOnly?: true;
  restart?: string;
  rm?: true;
  securityOpt?: string[];
  shmSize?: string;
  stopSignal?: string;
  stopTimeout?: number;
  sysctl?: string[];
  tmpfs?: string[];
  tty?: true;
  ulimit?: string[];
  user?: string;
  uts?: 'private' | 'host';
  volume?: string[];
  workdir?: string;
}

const namespace = (flag: string, what: string) => new Option(flag, what).choices(['private', 'host']);
const list = (value: string, all: string[] | undefined) => [...(all ?? []), value];
const number = (flag: string) => (value: string) => {
  const parsed = Number(value);
  if (value.trim() === '' || Number.isNaN(parsed)) throw invalidFlag(flag, value, 'it must be a number');
  return parsed;
};

/** Docker's flags, in docker's words. */
export function addContainerFlags(command: Command): Command {
  command
    .option('--add-host <host:ip>', 'a line of /etc/hosts', list)
    .option('--blkio-weight <weight>', 'block IO, 10 to 1000', number('--blkio-weight'))
    .option('--cap-add <capability>', 'add a Linux capability', list)
    .option('--cap-drop <capability>', 'drop a Linux capability', list)
    .addOption(namespace('--cgroupns <mode>', 'cgroup namespace'))
    .option('--cidfile <file>', 'write the container id to the file')
    .option('--cpu-period <microseconds>', 'period of the CPU quota', number('--cpu-period'))
    .option('--cpu-quota <microseconds>', 'CPU time in each period', number('--cpu-quota'))
    .option('-c, --cpu-shares <shares>', 'CPU weight, relative', number('--cpu-shares'))
    .option('--cpus <number>', "CPUs' worth of time", number('--cpus'))
    .option('--cpuset-cpus <list>', 'CPUs it may run on (0-2,4)')
    .option('--cpuset-mems <list>', 'memory nodes it may use')
    .option('--device <device>', 'add a host device (/dev/a:/dev/b:rwm)', list)
    .option('--device-cgroup-rule <rule>', 'allow devices ("c 42:* rmw")', list)
    .option('--dns <address>', 'name server', list)
    .option('--dns-option <option>', 'resolver option', list)
    .option('--dns-search <domain>', 'search domain', list)
    .option('--domainname <name>', 'NIS domain name')
    .option('--entrypoint <command>', "replace the image's entrypoint")
    .option('-e, --env <name=value>', 'set a variable', list)
    .option('--env-file <file>', 'read variables from a file', list)
    .option('--group-add <group>', 'additional group', list)
    .option('--hide <path>', 'cover a path of the root file system', list)
    .option('-h, --hostname <name>', 'host name')
    .option('--init', 'run an init that reaps zombies and forwards signals')
    .option('-i, --interactive', 'keep stdin open')
    .addOption(namespace('--ipc <mode>', 'IPC namespace'))
    .option('-l, --label <key=value>', 'set a label', list)
    .option('--log-driver <driver>', 'json-file or none')
    .option(
      '--log-opt <name=value>',
      'max-size=SIZE of one file (64m; -1: unlimited), max-file=NUMBER kept (2)',
      list,
    )
    .option('-m, --memory <bytes>', 'memory limit')
    .option('--memory-reservation <bytes>', 'soft memory limit')
    .option('--memory-swap <bytes>', 'memory and swap together; -1: unlimited swap')
    .option('--memory-swappiness <percent>', '0 to 100', number('--memory-swappiness'))
    .option('--mount <mount>', 'type=bind|volume|tmpfs,source=…,target=…', list)
    .option('--name <name>', 'name of the container')
    .option('--network <mode>', 'none (the default: loopback only) or host; bridges are not available yet')
    .addOption(new Option('--net <mode>').hideHelp())
    .option('--oom-kill-disable', 'never kill it for memory')
    .option('--oom-score-adj <adjustment>', '-1000 to 1000', number('--oom-score-adj'))
    .addOption(namespace('--pid <mode>', 'PID namespace'))
    .option('--pids-limit <number>', 'processes; -1: unlimited', number('--pids-limit'))
    .option('--platform <os/arch>', 'platform of the image')
    .option('--privileged', 'all capabilities and devices, no confinement')
    .option('-p, --publish <ports>', 'not available yet', list)
    .addOption(new Option('--pull <policy>', 'when to pull').choices(['missing', 'always', 'never']))
    .option('-q, --quiet', 'no pull progress')
    .option('--read-only', 'mount the root file system read-only')
    .option('--restart <policy>', 'only "no" for now')
    .option('--rm', 'remove the container when it ends')
    .option(
      '--security-opt <option>',
      'seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined',
      list,
    )
    .option('--shm-size <bytes>', 'size of /dev/shm')
    .option('--stop-signal <signal>', 'signal that stops it')
    .option('--stop-timeout <seconds>', 'wait before SIGKILL', number('--stop-timeout'))
    .option('--sysctl <name=value>', 'kernel parameter', list)
    .option('--tmpfs <path>', 'mount a tmpfs (/path:size=64m)', list)
    .option('-t, --tty', 'give it a terminal')
    .option('--ulimit <limit>', 'name=soft:hard', list)
    .option('-u, --user <user>', 'name|uid[:group|gid]')
    .addOption(namespace('--uts <mode>', 'UTS namespace'))
    .option('-v, --volume <volume>', '/host:/path[:ro], name:/path, or /path', list)
    .option('-w, --workdir <path>', 'working directory');
  return command;
}

/** What the flags ask for. @throws EngineError ERR_INVALID_ARGUMENT, ERR_NETWORK_NOT_AVAILABLE */
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
    network: networkOption(flags.network ?? flags.net),
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
    labels: flags.label && Object.fromEntries(flags.label.map(parseLabelFlag)),
    stopSignal: flags.stopSignal,
    stopTimeout: flags.stopTimeout,
    autoRemove: flags.rm,
    platform: flags.platform,
    pull: flags.pull,
    log: logOptions(flags),
    hide: flags.hide,
    namespaces: defined({ pid: flags.pid, ipc: flags.ipc, uts: flags.uts, cgroup: flags.cgroupns }),
  });
}

function refuseUnavailable(flags: ContainerFlags): void {
  if (flags.publish) {
    throw new EngineError(
      'ERR_NETWORK_NOT_AVAILABLE',
      'ports cannot be published yet: there is no bridge network. Use --network host',
    );
  }
  if (flags.restart !== undefined && flags.restart !== 'no') {
    throw new EngineError(
      'ERR_NOT_IMPLEMENTED',
      `--restart ${flags.restart} is not available yet: start it again from a supervisor such as systemd`,
    );
  }
}

function networkOption(network: string | undefined): ContainerOptions['network'] | undefined {
  if (network === undefined || network === 'none' || network === 'host') return network;
  if (network.startsWith('ns:/')) return { path: network.slice('ns:'.length) };
  throw new EngineError(
    'ERR_NETWORK_NOT_AVAILABLE',
    `network ${network} is not available: networks other than none and host come later. Use --network none (loopback only, the default) or --network host`,
    { details: { network } },
  );
}

function readEnvironment(flags: ContainerFlags): Record<string, string> | undefined {
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

function dnsOptions(flags: ContainerFlags): ContainerOptions['dns'] | undefined {
  if (!flags.dns && !flags.dnsSearch && !flags.dnsOption) return undefined;
  return defined({ servers: flags.dns, search: flags.dnsSearch, options: flags.dnsOption });
}

function limits(flags: ContainerFlags): ResourceLimits {
  return defined({
    memory: flags.memory,
    memorySwap: flags.memorySwap,
    memoryReservation: flags.memoryReservation,
    memorySwappiness: flags.memorySwappiness,
    oomKillDisable: flags.oomKillDisable,
    cpus: flags.cpus,
    cpuShares: flags.cpuShares,
    cpuQuota: flags.cpuQuota,
    cpuPeriod: flags.cpuPeriod,
    cpusetCpus: flags.cpusetCpus,
    cpusetMems: flags.cpusetMems,
    pids: flags.pidsLimit,
    blkioWeight: flags.blkioWeight,
    ulimits: flags.ulimit && Object.fromEntries(flags.ulimit.map(parseUlimitFlag)),
    shmSize: flags.shmSize,
    oomScoreAdj: flags.oomScoreAdj,
  });
}

function logOptions(flags: ContainerFlags): ContainerOptions['log'] | undefined {
  if (!flags.logDriver && !flags.logOpt) return undefined;
  const options = new Map((flags.logOpt ?? []).map((value) => parsePairFlag('--log-opt', value)));
  const unknown = [...options.keys()].find((key) => key !== 'max-size' && key !== 'max-file');
  if (unknown) throw invalidFlag('--log-opt', unknown, 'known are max-size and max-file');
  const maxFile = options.get('max-file');
  return defined({
    driver: flags.logDriver as 'json-file' | 'none' | undefined,
    maxSize: options.get('max-size'),
    maxFile: maxFile === undefined ? undefined : number('--log-opt max-file')(maxFile),
  });
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
