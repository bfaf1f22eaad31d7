import type { ContainerInfo, ContainerSpec } from '../../containers/index.ts';
import { hostConfigDocument } from './container-host-config.ts';
import { networkSettings } from './container-networks.ts';
import { restartsOf, stateDocument } from './container-state.ts';

/** What a container takes on disk, in bytes: what it has written, and that with its image. */
export interface ContainerSizes {
  readonly written: number;
  readonly root: number;
}

/** docker's document of a container (Engine API, ContainerInspectResponse). */
export function containerDocument(
  info: ContainerInfo,
  {
    execIds = [],
    sizes,
  }: { readonly execIds?: readonly string[]; readonly sizes?: ContainerSizes | undefined } = {},
) {
  const [path = '', ...args] = info.argv;
  return {
    Id: info.id,
    Created: info.createdAt,
    Path: path,
    Args: args,
    State: stateDocument(info),
    Image: info.imageId ?? '',
    ResolvConfPath: '',
    HostnamePath: '',
    HostsPath: '',
    LogPath: info.logPath ?? '',
    Name: `/${info.name}`,
    RestartCount: restartsOf(info.state),
    Driver: 'overlay2',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: info.security.label ?? '',
    AppArmorProfile: info.security.apparmor ?? '',
    ExecIDs: execIds.length > 0 ? execIds : null,
    HostConfig: hostConfigDocument(info),
    GraphDriver: { Name: 'overlay2', Data: null },
    ...(sizes && { SizeRw: sizes.written, SizeRootFs: sizes.root }),
    Mounts: mountDocuments(info),
    Config: configDocument(info),
    NetworkSettings: networkSettings(info),
  };
}

/** docker's MountPoint, of all that is mounted but for tmpfs, which HostConfig.Tmpfs has. */
export function mountDocuments({ mounts, spec }: ContainerInfo) {
  const binds = new Map(
    spec.mounts.flatMap((mount) => (mount.type === 'bind' ? [[mount.target, mount.propagation]] : [])),
  );
  const shown = mounts.filter(({ type }) => type !== 'tmpfs');
  return shown.map(({ type, source, target, readOnly, name }) => ({
    Type: type,
    ...(name && { Name: name, Driver: 'local' }),
    Source: source,
    Destination: target,
    Mode: readOnly ? 'ro' : '',
    RW: !readOnly,
    Propagation: binds.get(target) ?? '',
  }));
}

function configDocument(info: ContainerInfo) {
  const { spec, imageProcess } = info;
  const entrypoint = spec.entrypoint ?? imageProcess.entrypoint;
  const volumes = imageProcess.volumes;
  return {
    Hostname: info.hostname,
    Domainname: spec.domainname ?? '',
    User: info.user,
    AttachStdin: false,
    AttachStdout: true,
    AttachStderr: true,
    ...(info.exposedPorts.length > 0 && { ExposedPorts: emptyObjects(info.exposedPorts) }),
    Tty: info.tty,
    OpenStdin: info.stdin,
    StdinOnce: spec.stdinOnce ?? false,
    Env: environment(info),
    Cmd: info.argv.slice(entrypoint.length),
    ...healthcheck(spec, imageProcess),
    Image: info.image,
    Volumes: volumes.length > 0 ? emptyObjects(volumes) : null,
    WorkingDir: spec.cwd ?? imageProcess.workingDir ?? '',
    Entrypoint: entrypoint.length > 0 ? entrypoint : null,
    OnBuild: null,
    Labels: info.labels,
    ...((spec.stopSignal ?? imageProcess.stopSignal) && { StopSignal: info.stopSignal }),
    ...(spec.stopTimeout !== 10 && { StopTimeout: spec.stopTimeout }),
    ...(imageProcess.shell && { Shell: imageProcess.shell }),
  };
}

/** Without what is given to each container: its host's name, and the kind of its terminal. */
function environment({ env, spec, imageProcess }: ContainerInfo): string[] {
  const asked = new Set([...imageProcess.env, ...spec.env]);
  return env.filter((entry) => asked.has(entry) || !/^(HOSTNAME|TERM)=/.test(entry));
}

function healthcheck({ health }: ContainerSpec, { healthcheck: ofImage }: ContainerInfo['imageProcess']) {
  if (health === false) return { Healthcheck: { Test: ['NONE'] } };
  if (health === null && !ofImage) return {};
  const nanoseconds = (own: number | null | undefined, inherited: number | undefined) =>
    own ? own * 1e6 : (inherited ?? 0);
  const fields = {
    Interval: nanoseconds(health?.interval, ofImage?.interval),
    Timeout: nanoseconds(health?.timeout, ofImage?.timeout),
    StartPeriod: nanoseconds(health?.startPeriod, ofImage?.startPeriod),
    StartInterval: nanoseconds(health?.startInterval, ofImage?.startInterval),
    Retries: health?.retries ?? ofImage?.retries ?? 0,
  };
  const test = health?.argv ? testOf(health.argv) : (ofImage?.test ?? []);
  return { Healthcheck: { Test: test, ...withoutZeros(fields) } };
}

function testOf(argv: readonly string[]): string[] {
  const [shell, flag, ...line] = argv;
  return shell === '/bin/sh' && flag === '-c' ? ['CMD-SHELL', line.join(' ')] : ['CMD', ...argv];
}

function withoutZeros(fields: Readonly<Record<string, number>>): Record<string, number> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== 0));
}

function emptyObjects(names: readonly string[]): Record<string, object> {
  return Object.fromEntries(names.map((name) => [name, {}]));
}
