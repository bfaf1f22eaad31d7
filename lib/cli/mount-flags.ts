import { resolve } from 'node:path';
import type {
  BindMountOption,
  BindRecursion,
  ContainerMount,
  IdmapOption,
  ImageMountOption,
  Propagation,
  TmpfsMountOption,
  VolumeMountOption,
} from '../containers/index.ts';
import { invalidFlag, splitOnce, truth } from './flag-values.ts';
import { parseIdmapText } from './id-flags.ts';
import { refuseLabels } from './selinux.ts';

const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'] as const;

/** -v: `/host:/target[:options]`, `name:/target[:options]`, or `/target` for an anonymous volume. */
export function parseVolumeFlag(value: string, workingDirectory: string): ContainerMount {
  const parts = value.split(':');
  if (parts.length === 1) return { type: 'volume', target: value };
  const [source = '', target = '', options = '', ...more] = parts;
  if (source === '' || target === '' || more.length > 0) {
    throw invalidFlag(
      '--volume',
      value,
      'invalid volume specification: write source:target or source:target:ro',
    );
  }
  const { readOnly, copy, propagation, idmap } = parseVolumeOptions(value, options);
  const ids = idmap && { idmap };
  if (!/^[./]/.test(source)) {
    if (propagation)
      throw invalidFlag('--volume', value, 'invalid mode: a volume has no propagation, only a bind');
    return { type: 'volume', name: source, target, readOnly, copy, ...ids };
  }
  return {
    type: 'bind',
    source: resolve(workingDirectory, source),
    target,
    readOnly,
    createSource: true,
    ...(propagation && { propagation }),
    ...ids,
  };
}

interface VolumeFlagOptions {
  readonly readOnly: boolean;
  readonly copy: boolean;
  readonly propagation?: Propagation;
  readonly idmap?: IdmapOption;
}

/** Docker's modes, and podman's `idmap`. */
function parseVolumeOptions(value: string, text: string): VolumeFlagOptions {
  const words = text.split(',').filter((word) => word !== '');
  const propagation = propagations.find((name) => words.includes(name));
  const idmap = words.find((word) => /^idmap(=|$)/.test(word));
  const others = [
    'ro',
    'rw',
    'nocopy',
    'z',
    'Z',
    'cached',
    'delegated',
    'consistent',
    idmap,
    ...propagations,
  ];
  const unknown = words.find((word) => !others.includes(word));
  if (unknown !== undefined)
    throw invalidFlag(
      '--volume',
      value,
      `invalid mode: ${unknown}; use ro, rw, nocopy, idmap or a propagation`,
    );
  if (words.some((word) => word === 'z' || word === 'Z')) refuseLabels('--volume', value);
  return {
    readOnly: words.includes('ro'),
    copy: !words.includes('nocopy'),
    ...(propagation && { propagation }),
    ...(idmap && { idmap: parseIdmapText('--volume', idmap.slice('idmap='.length)) }),
  };
}

/** By the name in the flag: what it is kept as, and the type that it belongs to. */
const mountKeys: Readonly<Record<string, string>> = {
  type: 'type',
  source: 'source',
  src: 'source',
  target: 'target',
  dst: 'target',
  destination: 'target',
  readonly: 'readonly',
  ro: 'readonly',
  consistency: 'consistency',
  idmap: 'idmap',
  'bind-propagation': 'bind-propagation',
  'bind-nonrecursive': 'bind-nonrecursive',
  'bind-recursive': 'bind-recursive',
  'bind-create-src': 'bind-create-src',
  'volume-nocopy': 'volume-nocopy',
  'volume-subpath': 'volume-subpath',
  'volume-label': 'volume-label',
  'volume-driver': 'volume-driver',
  'volume-opt': 'volume-opt',
  'image-subpath': 'image-subpath',
  'tmpfs-size': 'tmpfs-size',
  'tmpfs-mode': 'tmpfs-mode',
};

/** Those that may stand alone, for true. */
const flags = new Set(['readonly', 'bind-nonrecursive', 'bind-create-src', 'volume-nocopy', 'idmap']);

class MountFields {
  readonly value: string;
  readonly #fields: readonly (readonly [string, string])[];

  constructor(value: string) {
    this.value = value;
    this.#fields = csvFields(value).map((field) => this.#parse(field));
  }

  /** The last one counts. */
  get(key: string): string | undefined {
    return this.#fields.findLast(([name]) => name === key)?.[1];
  }

  truth(key: string): boolean {
    return truth(this.value, this.get(key));
  }

  /** `key=name=value`, each name once. */
  pairs(key: string): Record<string, string> | undefined {
    const found = this.#fields.filter(([name]) => name === key).map(([, text]) => splitOnce(text, '='));
    return found.length === 0
      ? undefined
      : Object.fromEntries(found.map(([name, text]) => [name, text ?? '']));
  }

  fail(complaint: string): Error {
    return invalidFlag('--mount', this.value, complaint);
  }

  /** Docker's rule: what begins with another type's name belongs to that. */
  refuseOthers(type: string): void {
    const types = ['bind', 'volume', 'image', 'tmpfs'].filter((name) => name !== type);
    for (const [name] of this.#fields) {
      const other = types.find((prefix) => name.startsWith(`${prefix}-`));
      if (other) throw this.fail(`cannot mix '${other}-*' options with mount type '${type}'`);
    }
  }

  #parse(field: string): readonly [string, string] {
    const [key, text] = splitOnce(field, '=');
    const name = key.trim().toLowerCase();
    const known = Object.hasOwn(mountKeys, name) ? mountKeys[name] : undefined;
    if (known === undefined)
      throw this.fail(
        `unexpected key '${key}', which is unknown; known are ${Object.keys(mountKeys).join(', ')}`,
      );
    if (text === undefined && !flags.has(known))
      throw this.fail(`invalid field '${field}' must be a key=value pair`);
    return [known, text ?? 'true'];
  }
}

/** --mount: `type=bind,source=/a,target=/b,readonly`; a field with commas in double quotes, as in CSV. */
export function parseMountFlag(value: string, workingDirectory: string): ContainerMount {
  const fields = new MountFields(value);
  const type = (fields.get('type') ?? 'volume').toLowerCase();
  const target = fields.get('target');
  if (!target) throw fields.fail('target is required: a target is missing: target=/path');
  const maker = Object.hasOwn(makers, type) ? makers[type] : undefined;
  if (maker === undefined) throw fields.fail('the type is one of bind, volume, image and tmpfs');
  fields.refuseOthers(type);
  return maker(fields, target, workingDirectory);
}

type Maker = (fields: MountFields, target: string, workingDirectory: string) => ContainerMount;
const makers: Readonly<Record<string, Maker>> = {
  bind: bindMount,
  volume: volumeMount,
  image: imageMount,
  tmpfs: tmpfsMount,
};

function bindMount(fields: MountFields, target: string, workingDirectory: string): BindMountOption {
  const source = fields.get('source');
  if (!source) throw fields.fail('a bind needs a source: source=/path');
  const propagation = fields.get('bind-propagation') as Propagation | undefined;
  const recursive = recursion(fields);
  return {
    type: 'bind',
    source: resolve(workingDirectory, source),
    target,
    readOnly: fields.truth('readonly'),
    ...(propagation && { propagation }),
    ...(recursive && { recursive }),
    ...(fields.truth('bind-create-src') && { createSource: true }),
    ...idmapOf(fields),
  };
}

function recursion(fields: MountFields): BindRecursion | undefined {
  const asked = fields.get('bind-recursive');
  const isKnown = ['enabled', 'disabled', 'writable', 'readonly'].includes(asked ?? 'enabled');
  if (!isKnown)
    throw fields.fail(
      `invalid value for bind-recursive: ${asked} (must be "enabled", "disabled", "writable", or "readonly")`,
    );
  return fields.truth('bind-nonrecursive') ? 'disabled' : (asked as BindRecursion | undefined);
}

function volumeMount(fields: MountFields, target: string): VolumeMountOption {
  const name = fields.get('source');
  const [labels, driverOptions] = [fields.pairs('volume-label'), fields.pairs('volume-opt')];
  const driver = fields.get('volume-driver') ?? 'local';
  if (driver !== 'local') throw fields.fail(`the volume driver ${driver} is unknown; the only one is local`);
  const subpath = fields.get('volume-subpath');
  return {
    type: 'volume',
    target,
    readOnly: fields.truth('readonly'),
    copy: !fields.truth('volume-nocopy'),
    ...(name && { name }),
    ...(subpath && { subpath }),
    ...(labels && { labels }),
    ...(driverOptions && { driverOptions }),
    ...idmapOf(fields),
  };
}

function imageMount(fields: MountFields, target: string): ImageMountOption {
  const image = fields.get('source');
  if (!image) throw fields.fail('an image mount needs a source: source=IMAGE');
  if (fields.get('readonly') !== undefined && !fields.truth('readonly'))
    throw fields.fail('an image can only be mounted read-only');
  const subpath = fields.get('image-subpath');
  return { type: 'image', image, target, ...(subpath && { subpath }) };
}

function tmpfsMount(fields: MountFields, target: string): TmpfsMountOption {
  if (fields.get('source') !== undefined)
    throw fields.fail('invalid mount config for type "tmpfs": it has no source');
  const size = fields.get('tmpfs-size');
  return {
    type: 'tmpfs',
    target,
    ...(size && { size }),
    ...modeOf('--mount', fields.value, fields.get('tmpfs-mode')),
    ...(fields.truth('readonly') && { readOnly: true }),
  };
}

function idmapOf(fields: MountFields): { idmap?: IdmapOption } {
  const text = fields.get('idmap');
  if (text === undefined || text === 'false') return {};
  return { idmap: parseIdmapText('--mount', text === 'true' ? '' : text) };
}

/** --tmpfs: `/path` or `/path:size=64m,mode=1777,exec`. */
export function parseTmpfsFlag(value: string): TmpfsMountOption {
  const [target, list = ''] = splitOnce(value, ':');
  const fields = list.split(',').filter((text) => text !== '');
  const field = (key: string) => fields.find((text) => text.startsWith(`${key}=`))?.slice(key.length + 1);
  const size = field('size');
  const options = fields.filter((text) => !/^(size|mode)=/.test(text));
  return {
    type: 'tmpfs',
    target,
    ...(size && { size }),
    ...modeOf('--tmpfs', value, field('mode')),
    ...(options.length > 0 && { options }),
  };
}

function modeOf(flag: string, value: string, mode: string | undefined): { mode?: number } {
  if (mode === undefined || mode === '') return {};
  if (!/^[0-7]{1,5}$/.test(mode))
    throw invalidFlag(flag, value, `invalid value for mode: ${mode} is not octal`);
  return { mode: Number.parseInt(mode, 8) };
}

/** One line of CSV (RFC 4180), as docker reads --mount. */
function csvFields(line: string): string[] {
  const fields: string[] = [];
  for (let at = 0; at <= line.length; ) {
    const [whole = '', quoted, plain] = /^(?:"((?:[^"]|"")*)"|([^,"]*))(?=,|$)/.exec(line.slice(at)) ?? [];
    if (quoted === undefined && plain === undefined)
      throw invalidFlag(
        '--mount',
        line,
        'its quotes are not closed: quote a whole field, and double a quote inside',
      );
    fields.push(quoted === undefined ? (plain ?? '') : quoted.replaceAll('""', '"'));
    at += whole.length + 1;
  }
  return fields;
}
