import { type Command, Option } from 'commander';
import { durationFlag, list, numberFlag } from './flag-values.ts';
import { addLimitFlags, type LimitFlags } from './limit-flags.ts';
import type { NetworkFlags } from './network-flags.ts';
import { addRefusedFlags } from './refused-flags.ts';

/** The flags that `run` and `create` share, as commander gives them. */
export interface ContainerFlags extends LimitFlags, NetworkFlags {
  addHost?: string[];
  annotation?: string[];
  cgroupParent?: string;
  deviceReadBps?: string[];
  deviceReadIops?: string[];
  deviceWriteBps?: string[];
  deviceWriteIops?: string[];
  blkioWeightDevice?: string[];
  disableContentTrust?: string | true;
  expose?: string[];
  labelFile?: string[];
  volumeDriver?: string;
  capAdd?: string[];
  capDrop?: string[];
  cgroupns?: 'private' | 'host';
  cidfile?: string;
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
  healthCmd?: string;
  healthInterval?: number;
  healthRetries?: number;
  healthStartInterval?: number;
  healthStartPeriod?: number;
  healthTimeout?: number;
  healthcheck: boolean;
  restartOnUnhealthy?: true;
  hide?: string[];
  hostname?: string;
  init?: true;
  interactive?: true;
  ipc?: string;
  label?: string[];
  logDriver?: string;
  logOpt?: string[];
  memorySwappiness?: number;
  mount?: string[];
  name?: string;
  oomKillDisable?: true;
  oomScoreAdj?: number;
  pid?: string;
  platform?: string;
  privileged?: true;
  pull?: 'missing' | 'always' | 'never';
  quiet?: true;
  readOnly?: true;
  restart?: string;
  rm?: true;
  securityOpt?: string[];
  shmSize?: string;
  stopSignal?: string;
  stopTimeout?: number;
  storageOpt?: string[];
  sysctl?: string[];
  tmpfs?: string[];
  tty?: true;
  ulimit?: string[];
  user?: string;
  userns?: string;
  uts?: 'private' | 'host';
  volume?: string[];
  volumesFrom?: string[];
  workdir?: string;
}

const namespace = (flag: string, what: string) => new Option(flag, what).choices(['private', 'host']);

/** Docker's flags, in docker's words. */
export function addContainerFlags(command: Command): Command {
  addLimitFlags(command)
    .option('--add-host <host:ip>', 'a line of /etc/hosts', list)
    .option('--annotation <key=value>', 'handed to the runtime', list)
    .option('--blkio-weight-device <device:weight>', 'block IO of a device, 10 to 1000', list)
    .option('--cap-add <capability>', 'add a Linux capability', list)
    .option('--cap-drop <capability>', 'drop a Linux capability', list)
    .addOption(namespace('--cgroupns <mode>', 'cgroup namespace'))
    .option('--cgroup-parent <path>', 'cgroup that its own is made in (/strake)')
    .option('--cidfile <file>', 'write the container id to the file')
    .option(
      '--device <device>',
      'add a host device (/dev/a:/dev/b:rwm), or a CDI device (vendor.com/class=name)',
      list,
    )
    .option('--device-cgroup-rule <rule>', 'allow devices ("c 42:* rmw")', list)
    .option('--device-read-bps <device:bytes>', 'bytes a second that are read from it', list)
    .option('--device-read-iops <device:number>', 'reads a second', list)
    .option('--device-write-bps <device:bytes>', 'bytes a second that are written to it', list)
    .option('--device-write-iops <device:number>', 'writes a second', list)
    .option('--disable-content-trust [bool]', 'images are not signed here: only true can be asked for')
    .option('--dns <address>', 'name server', list)
    .option('--dns-option <option>', 'resolver option', list)
    .option('--dns-search <domain>', 'search domain', list)
    .option('--domainname <name>', 'NIS domain name')
    .option('--entrypoint <command>', "replace the image's entrypoint")
    .option('-e, --env <name=value>', 'set a variable', list)
    .option('--env-file <file>', 'read variables from a file', list)
    .option('--expose <port>', 'what --publish-all publishes (80, 53/udp, 8000-8010)', list)
    .option('--group-add <group>', 'additional group', list)
    .option('--health-cmd <command>', 'a line for /bin/sh that says whether it works')
    .option('--health-interval <time>', 'between two checks (30s)', durationFlag('--health-interval'))
    .option(
      '--health-retries <number>',
      'failures that make it unhealthy (3)',
      numberFlag('--health-retries'),
    )
    .option(
      '--health-start-interval <time>',
      'between two checks in the start period (5s)',
      durationFlag('--health-start-interval'),
    )
    .option(
      '--health-start-period <time>',
      'in which failures do not count (0s)',
      durationFlag('--health-start-period'),
    )
    .option(
      '--health-timeout <time>',
      'after which a check has failed (30s)',
      durationFlag('--health-timeout'),
    )
    .option('--no-healthcheck', "no check, not the image's either")
    .option('--restart-on-unhealthy', 'stop it when it is unhealthy, so that --restart starts it again')
    .option('--hide <path>', 'cover a path of the root file system', list)
    .option('-h, --hostname <name>', 'host name')
    .option('--init', 'run an init that reaps zombies and forwards signals')
    .option('-i, --interactive', 'keep stdin open')
    .option('--ip <address>', 'IPv4 address on the first network')
    .option('--ip6 <address>', 'IPv6 address on the first network')
    .option('--ipc <mode>', 'IPC namespace: private, shareable, none, host, container:NAME')
    .option('-l, --label <key=value>', 'set a label', list)
    .option('--label-file <file>', 'read labels from a file', list)
    .option('--link <container>', 'another container in /etc/hosts (name:alias)', list)
    .option('--log-driver <driver>', 'json-file, local or none')
    .option(
      '--log-opt <name=value>',
      'max-size=SIZE of one file (64m; -1: unlimited), max-file=NUMBER kept (2), compress=BOOL, labels=, env=',
      list,
    )
    .option('--mac-address <address>', 'MAC address on the first network')
    .option('--memory-swappiness <percent>', '0 to 100', numberFlag('--memory-swappiness'))
    .option('--mount <mount>', 'type=bind|volume|image|tmpfs,source=…,target=…', list)
    .option('--name <name>', 'name of the container')
    .option(
      '--network <network>',
      'NAME[:alias=A,ip=ADDRESS,mac-address=M], none, host, container:NAME or ns:/path; several times',
      list,
    )
    .addOption(new Option('--net <network>').argParser(list).hideHelp())
    .option('--network-alias <name>', 'a further name on the first network', list)
    .option('--oom-kill-disable', 'never kill it for memory')
    .option('--oom-score-adj <adjustment>', '-1000 to 1000', numberFlag('--oom-score-adj'))
    .option('--pid <mode>', 'PID namespace: private, host, container:NAME')
    .option('--platform <os/arch>', 'platform of the image')
    .option('--privileged', 'all capabilities and devices, no confinement')
    .option('-p, --publish <ports>', '[[ip:][host port]:]port[/tcp|udp], also ranges', list)
    .option('-P, --publish-all', 'publish all exposed ports at free ones')
    .addOption(new Option('--pull <policy>', 'when to pull').choices(['missing', 'always', 'never']))
    .option('-q, --quiet', 'no pull progress')
    .option('--read-only', 'mount the root file system read-only')
    .option(
      '--restart <policy>',
      'when it has ended: no (the default), always, unless-stopped, on-failure[:RETRIES]',
    )
    .option('--rm', 'remove the container when it ends')
    .option(
      '--security-opt <option>',
      'seccomp=FILE|unconfined, no-new-privileges, systempaths=unconfined, writable-cgroups, apparmor=PROFILE, label=…',
      list,
    )
    .option('--shm-size <bytes>', 'size of /dev/shm')
    .option('--stop-signal <signal>', 'signal that stops it')
    .option('--stop-timeout <seconds>', 'wait before SIGKILL', numberFlag('--stop-timeout'))
    .option('--storage-opt <name=value>', 'size=SIZE: how much it may write', list)
    .option('--sysctl <name=value>', 'kernel parameter', list)
    .option('--tmpfs <path>', 'mount a tmpfs (/path:size=64m)', list)
    .option('-t, --tty', 'give it a terminal')
    .option('--ulimit <limit>', 'name=soft:hard', list)
    .option('-u, --user <user>', 'name|uid[:group|gid]')
    .option('--userns <mode>', 'user namespace: host, auto[:size=N], remap[:USER]')
    .addOption(namespace('--uts <mode>', 'UTS namespace'))
    .option('--volume-driver <name>', 'only local')
    .option('-v, --volume <volume>', '/host:/path[:ro,idmap,…], name:/path, or /path', list)
    .option('--volumes-from <container>', 'the volumes and binds of another container (name[:ro])', list)
    .option('-w, --workdir <path>', 'working directory');
  addRefusedFlags(command);
  return command;
}
