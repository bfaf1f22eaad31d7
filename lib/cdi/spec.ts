import { EngineError } from '../errors/index.ts';

/** A spec file, checked: SPEC.md, "CDI JSON Specification". */
export interface CdiSpec {
  /** "vendor.com/class" */
  readonly kind: string;
  readonly devices: readonly { readonly name: string; readonly edits: CdiContainerEdits }[];
  /** For every device of it. */
  readonly edits: CdiContainerEdits;
}

export interface CdiContainerEdits {
  readonly env: readonly string[];
  readonly deviceNodes: readonly CdiDeviceNode[];
  readonly mounts: readonly CdiMount[];
  readonly hooks: readonly CdiHook[];
  readonly additionalGids: readonly number[];
}

/** What is absent is as the node on this machine has it. */
export interface CdiDeviceNode {
  /** In the container. */
  readonly path: string;
  readonly hostPath?: string;
  readonly type?: 'b' | 'c' | 'u' | 'p';
  readonly major?: number;
  readonly minor?: number;
  readonly fileMode?: number;
  /** Of r, w and m. */
  readonly permissions?: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface CdiMount {
  readonly hostPath: string;
  readonly containerPath: string;
  readonly type?: string;
  readonly options?: readonly string[];
}

export interface CdiHook {
  readonly hookName: (typeof hookNames)[number];
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

const versions = ['0.1.0', '0.2.0', '0.3.0', '0.4.0', '0.5.0', '0.6.0', '0.7.0', '0.8.0', '1.0.0'];
const hookNames = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
] as const;

const vendorAndClass = /^[A-Za-z]([A-Za-z0-9_.-]*[A-Za-z0-9])?\/[A-Za-z]([A-Za-z0-9_-]*[A-Za-z0-9])?$/;
const deviceName = /^[A-Za-z0-9]([A-Za-z0-9_.:-]*[A-Za-z0-9])?$/;

/** Whether it is a qualified name: "vendor.com/class=name". */
export function isCdiName(text: string): boolean {
  const [kind = '', name = '', ...more] = text.split('=');
  return more.length === 0 && vendorAndClass.test(kind) && deviceName.test(name);
}

/** Reads what a spec file holds. @throws EngineError ERR_CDI_SPEC_INVALID that names the file and the field */
export function parseCdiSpec(document: unknown, path: string): CdiSpec {
  const reader = new Reader(path);
  const spec = reader.object('', document);
  const version = reader.text('cdiVersion', spec.cdiVersion).replace(/^v/, '');
  if (!versions.includes(version))
    throw reader.invalid('cdiVersion', `${version} is none of ${versions.join(', ')}`);
  const kind = reader.text('kind', spec.kind);
  if (!vendorAndClass.test(kind)) throw reader.invalid('kind', `${kind} is not vendor.com/class`);
  const devices = reader
    .list('devices', spec.devices)
    .map((device, n) => parseDevice(reader, device, `devices[${n}]`));
  if (devices.length === 0) throw reader.invalid('devices', 'there is none');
  const twice = devices.find(({ name }, n) => devices.findIndex((other) => other.name === name) !== n);
  if (twice) throw reader.invalid('devices', `${twice.name} is there twice`);
  return { kind, devices, edits: parseEdits(reader, spec.containerEdits, 'containerEdits') };
}

function parseDevice(reader: Reader, value: unknown, field: string) {
  const device = reader.object(field, value);
  const name = reader.text(`${field}.name`, device.name);
  if (!deviceName.test(name)) throw reader.invalid(`${field}.name`, `${name} is no name of a device`);
  return { name, edits: parseEdits(reader, device.containerEdits, `${field}.containerEdits`) };
}

function parseEdits(reader: Reader, value: unknown, field: string): CdiContainerEdits {
  const edits = value === undefined || value === null ? {} : reader.object(field, value);
  const each = <T>(name: string, parse: (reader: Reader, value: unknown, field: string) => T): T[] =>
    reader
      .list(`${field}.${name}`, edits[name])
      .map((item, n) => parse(reader, item, `${field}.${name}[${n}]`));
  for (const name of ['intelRdt', 'netDevices'])
    if (edits[name] !== undefined && edits[name] !== null)
      throw reader.invalid(`${field}.${name}`, 'it is not supported');
  return {
    env: each('env', parseVariable),
    deviceNodes: each('deviceNodes', parseNode),
    mounts: each('mounts', parseMount),
    hooks: each('hooks', parseHook),
    additionalGids: each('additionalGids', (_, gid, at) => reader.number(at, gid)).filter((gid) => gid !== 0),
  };
}

function parseVariable(reader: Reader, value: unknown, field: string): string {
  const variable = reader.text(field, value);
  if (/^[^=]+=/.test(variable)) return variable;
  throw reader.invalid(field, 'write NAME=value');
}

function parseNode(reader: Reader, value: unknown, field: string): CdiDeviceNode {
  const node = reader.object(field, value);
  const { type, permissions } = node;
  if (type !== undefined && !['b', 'c', 'u', 'p', ''].includes(type as string))
    throw reader.invalid(`${field}.type`, 'it is none of b, c, u and p');
  if (permissions !== undefined && !/^[rwm]{0,3}$/.test(String(permissions)))
    throw reader.invalid(`${field}.permissions`, 'it is made of r, w and m');
  const numbers = ['major', 'minor', 'fileMode', 'uid', 'gid'].flatMap((name) =>
    node[name] === undefined || node[name] === null
      ? []
      : [[name, reader.number(`${field}.${name}`, node[name])]],
  );
  return {
    path: reader.path(`${field}.path`, node.path),
    ...(node.hostPath ? { hostPath: reader.path(`${field}.hostPath`, node.hostPath) } : {}),
    ...(type ? { type: type as 'b' | 'c' | 'u' | 'p' } : {}),
    ...(permissions ? { permissions: String(permissions) } : {}),
    ...Object.fromEntries(numbers),
  };
}

function parseMount(reader: Reader, value: unknown, field: string): CdiMount {
  const mount = reader.object(field, value);
  return {
    hostPath: reader.text(`${field}.hostPath`, mount.hostPath),
    containerPath: reader.path(`${field}.containerPath`, mount.containerPath),
    ...(mount.type ? { type: reader.text(`${field}.type`, mount.type) } : {}),
    options: reader.texts(`${field}.options`, mount.options),
  };
}

function parseHook(reader: Reader, value: unknown, field: string): CdiHook {
  const hook = reader.object(field, value);
  const hookName = hookNames.find((name) => name === hook.hookName);
  if (hookName === undefined)
    throw reader.invalid(`${field}.hookName`, `it is none of ${hookNames.join(', ')}`);
  const timeout = hook.timeout ?? undefined;
  return {
    hookName,
    path: reader.path(`${field}.path`, hook.path),
    ...(hook.args ? { args: reader.texts(`${field}.args`, hook.args) } : {}),
    ...(hook.env ? { env: reader.texts(`${field}.env`, hook.env) } : {}),
    ...(timeout === undefined ? {} : { timeout: reader.number(`${field}.timeout`, timeout) }),
  };
}

/** Fields of one file, by what they must be. */
class Reader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  invalid(field: string, why: string): EngineError {
    const at = field === '' ? '' : `${field}: `;
    return new EngineError('ERR_CDI_SPEC_INVALID', `invalid CDI spec file ${this.#path}: ${at}${why}`, {
      details: { path: this.#path, field },
    });
  }

  object(field: string, value: unknown): Record<string, unknown> {
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
    throw this.invalid(field, 'it must be an object');
  }

  list(field: string, value: unknown): unknown[] {
    if (value === undefined || value === null) return [];
    if (Array.isArray(value) && value.length <= 10_000) return value;
    throw this.invalid(field, 'it must be a list');
  }

  text(field: string, value: unknown): string {
    if (typeof value === 'string' && value !== '' && !value.includes('\0')) return value;
    throw this.invalid(field, 'it must be a string that is not empty');
  }

  texts(field: string, value: unknown): string[] {
    return this.list(field, value).map((item, n) => this.text(`${field}[${n}]`, item));
  }

  path(field: string, value: unknown): string {
    const path = this.text(field, value);
    if (path.startsWith('/')) return path;
    throw this.invalid(field, 'it must be an absolute path');
  }

  number(field: string, value: unknown): number {
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.invalid(field, 'it must be a whole number');
  }
}
