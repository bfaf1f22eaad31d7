import { parseVolumeName } from './names.ts';
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
import type {
  BindMountOption,
  BindRecursion,
  ContainerMount,
  ImageMountOption,
  Propagation,
  TmpfsMountOption,
  VolumeMountOption,
} from './options.ts';
import { parseIdmap, type SpecIdmap } from './spec-idmap.ts';

export type SpecMount = SpecBind | SpecTmpfs | SpecVolume | SpecImage;

export interface SpecBind {
  readonly type: 'bind';
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation: Propagation;
  readonly recursive: BindRecursion;
  readonly createSource: boolean;
  /** null: none. */
  readonly idmap: SpecIdmap | null;
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
  /** Relative, normalised; null: all of it. */
  readonly subpath: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly driverOptions: Readonly<Record<string, string>>;
  readonly idmap: SpecIdmap | null;
}

export interface SpecImage {
  readonly type: 'image';
  readonly image: string;
  readonly target: string;
  readonly subpath: string | null;
}

const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'] as const;
const recursions = ['enabled', 'disabled', 'writable', 'readonly'] as const;

export function parseMount(mount: ContainerMount): SpecMount {
  switch (mount.type) {
    case 'bind':
      return parseBind(mount);
    case 'tmpfs':
      return parseTmpfs(mount);
    case 'volume':
      return parseVolume(mount);
    case 'image':
      return parseImage(mount);
    default:
      throw invalidOption(
        'mounts.type',
        (mount as { type: unknown }).type,
        'it must be bind, tmpfs, volume or image',
      );
  }
}

function parseBind(mount: BindMountOption): SpecBind {
  const bind: SpecBind = {
    type: 'bind',
    source: absolutePath('mounts.source', mount.source),
    target: parseTarget(mount.target),
    readOnly: flag('mounts.readOnly', mount.readOnly),
    propagation: oneOf('mounts.propagation', mount.propagation ?? 'rprivate', propagations),
    recursive: oneOf('mounts.recursive', mount.recursive ?? 'enabled', recursions),
    createSource: flag('mounts.createSource', mount.createSource),
    idmap: parseIdmap(mount.idmap),
  };
  refuseRecursion(bind);
  return bind;
}

/** Docker's rules (cli, opts/mount.go). */
function refuseRecursion({ recursive, readOnly, propagation }: SpecBind): void {
  const needs = (what: string) =>
    invalidOption('mounts.recursive', recursive, `it requires ${what} to be specified in conjunction`);
  if (recursive !== 'writable' && recursive !== 'readonly') return;
  if (!readOnly) throw needs('readonly');
  if (recursive === 'readonly' && propagation !== 'rprivate') throw needs('propagation rprivate');
}

function parseTmpfs(mount: TmpfsMountOption): SpecTmpfs {
  const options = texts('mounts.options', mount.options ?? []).map(parseTmpfsOption);
  return {
    type: 'tmpfs',
    target: parseTarget(mount.target),
    size: mount.size === undefined ? null : byteSize('mounts.size', mount.size),
    mode: mount.mode === undefined ? null : integer('mounts.mode', mount.mode, 0, 0o7777),
    options: flag('mounts.readOnly', mount.readOnly) ? [...options, 'ro'] : options,
  };
}

function parseVolume(mount: VolumeMountOption): SpecVolume {
  return {
    type: 'volume',
    name: mount.name === undefined || mount.name === '' ? null : parseVolumeName(mount.name),
    target: parseTarget(mount.target),
    readOnly: flag('mounts.readOnly', mount.readOnly),
    copy: mount.copy === undefined || flag('mounts.copy', mount.copy),
    subpath: parseSubpath(mount.subpath),
    labels: Object.fromEntries(textRecord('mounts.labels', mount.labels ?? {})),
    driverOptions: Object.fromEntries(textRecord('mounts.driverOptions', mount.driverOptions ?? {})),
    idmap: parseIdmap(mount.idmap),
  };
}

function parseImage(mount: ImageMountOption): SpecImage {
  return {
    type: 'image',
    image: text('mounts.image', mount.image),
    target: parseTarget(mount.target),
    subpath: parseSubpath(mount.subpath),
  };
}

function parseTarget(value: unknown): string {
  const target = absolutePath('mounts.target', value);
  if (target === '/')
    throw invalidOption(
      'mounts.target',
      value,
      "invalid specification: destination can't be '/', the root itself",
    );
  return target;
}

/** Without a way up: docker's rule, before any link is looked at. */
function parseSubpath(value: unknown): string | null {
  if (value === undefined || value === '') return null;
  const parts = text('mounts.subpath', value)
    .split('/')
    .filter((part) => part !== '' && part !== '.');
  if (String(value).startsWith('/') || parts.includes('..') || parts.length === 0)
    throw invalidOption('mounts.subpath', value, 'must be a relative path within the volume');
  return parts.join('/');
}

function parseTmpfsOption(option: string): string {
  if (/^[a-z_]+(=[^,\s]+)?$/.test(text('mounts.options', option))) return option;
  throw invalidOption('mounts.options', option, 'write one tmpfs option as in mount(8): noexec, uid=1000');
}
