import { parseVolumeName } from './names.ts';
import { absolutePath, byteSize, flag, integer, invalidOption, oneOf, text, texts } from './option-values.ts';
import type {
  BindMountOption,
  ContainerMount,
  Propagation,
  TmpfsMountOption,
  VolumeMountOption,
} from './options.ts';

export type SpecMount = SpecBind | SpecTmpfs | SpecVolume;

export interface SpecBind {
  readonly type: 'bind';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation: Propagation;
  readonly createSource: boolean;
}

export interface SpecTmpfs {
  readonly type: 'tmpfs';
  readonly target: string;
  /** Bytes; null: half of the memory, the kernel's default. */
  readonly size: number | null;
  readonly mode: number | null;
  readonly options: readonly string[];
}

export interface SpecVolume {
  readonly type: 'volume';
  /** null: anonymous. */
  readonly name: string | null;
  readonly target: string;
  readonly readOnly: boolean;
  /** What the image has at the target becomes the first content. */
  readonly copy: boolean;
}

const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'] as const;

export function parseMount(mount: ContainerMount): SpecMount {
  switch (mount.type) {
    case 'bind':
      return parseBind(mount);
    case 'tmpfs':
      return parseTmpfs(mount);
    case 'volume':
      return parseVolume(mount);
    default:
      throw invalidOption(
        'mounts.type',
        (mount as { type: unknown }).type,
        'it must be bind, tmpfs or volume',
      );
  }
}

function parseBind(mount: BindMountOption): SpecBind {
  return {
    type: 'bind',
    source: absolutePath('mounts.source', mount.source),
    target: parseTarget(mount.target),
    readOnly: flag('mounts.readOnly', mount.readOnly),
    propagation: oneOf('mounts.propagation', mount.propagation ?? 'rprivate', propagations),
    createSource: flag('mounts.createSource', mount.createSource),
  };
}

function parseTmpfs(mount: TmpfsMountOption): SpecTmpfs {
  return {
    type: 'tmpfs',
    target: parseTarget(mount.target),
    size: mount.size === undefined ? null : byteSize('mounts.size', mount.size),
    mode: mount.mode === undefined ? null : integer('mounts.mode', mount.mode, 0, 0o7777),
    options: texts('mounts.options', mount.options ?? []).map(parseTmpfsOption),
  };
}

function parseVolume(mount: VolumeMountOption): SpecVolume {
  return {
    type: 'volume',
    name: mount.name === undefined || mount.name === '' ? null : parseVolumeName(mount.name),
    target: parseTarget(mount.target),
    readOnly: flag('mounts.readOnly', mount.readOnly),
    copy: mount.copy === undefined || flag('mounts.copy', mount.copy),
  };
}

function parseTarget(value: unknown): string {
  const target = absolutePath('mounts.target', value);
  if (target === '/') throw invalidOption('mounts.target', value, 'it cannot be the root itself');
  return target;
}

function parseTmpfsOption(option: string): string {
  if (/^[a-z_]+(=[^,\s]+)?$/.test(text('mounts.options', option))) return option;
  throw invalidOption('mounts.options', option, 'write one tmpfs option as in mount(8): noexec, uid=1000');
}
