import { resolve } from 'node:path';
import type {
  BindMountOption,
  ContainerMount,
  DeviceOption,
  Propagation,
  RestartOption,
  RestartPolicyName,
  SecurityOptions,
  TmpfsMountOption,
  VolumesFromOption,
} from '../containers/index.ts';
import { EngineError } from '../errors/index.ts';

/** A flag whose value has the wrong form. */
export function invalidFlag(flag: string, value: string, remedy: string): EngineError {
  return new EngineError('ERR_INVALID_ARGUMENT', `invalid ${flag} ${JSON.stringify(value)}: ${remedy}`, {
    details: { flag },
  });
}

/** For commander: a flag that may be given again and again. */
export const list = (value: string, all: string[] | undefined): string[] => [...(all ?? []), value];

/** A number flag's parser, for commander. */
export const numberFlag = (flag: string) => (value: string) => {
  const parsed = Number(value);
  if (value.trim() === '' || Number.isNaN(parsed)) throw invalidFlag(flag, value, 'it must be a number');
  return parsed;
};

const units: Readonly<Record<string, number>> = { us: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Go's durations, "1m30s", in milliseconds. */
export const durationFlag = (flag: string) => (value: string) => {
  if (!/^(\d+(\.\d+)?(us|ms|s|m|h))+$/.test(value) && value !== '0')
    throw invalidFlag(flag, value, 'write a time such as 500ms, 30s or 1m30s');
  const parts = value.matchAll(/([\d.]+)(us|ms|s|m|h)/g);
  return Math.round(
    [...parts].reduce((sum, [, number, unit]) => sum + Number(number) * (units[unit ?? ''] ?? 0), 0),
  );
};

/** "no", "always", "unless-stopped", "on-failure" or "on-failure:5". */
export function parseRestartFlag(value: string): RestartOption {
  const [policy = '', retries] = splitOnce(value, ':');
  if (!isRestartPolicy(policy))
    throw invalidFlag('--restart', value, 'use no, always, unless-stopped or on-failure[:RETRIES]');
  if (retries === undefined || retries === '') return policy;
  return { policy, maximumRetries: numberFlag('--restart')(retries) };
}

function isRestartPolicy(text: string): text is RestartPolicyName {
  return ['no', 'always', 'unless-stopped', 'on-failure'].includes(text);
}

/** Whole seconds, or -1 for ever. */
export const secondsFlag = (flag: string) => (value: string) => {
  if (/^(-1|\d+)$/.test(value)) return Number(value);
  throw invalidFlag(flag, value, 'write seconds');
};

/** `NAME=value`; a bare NAME takes this process's value, and is left out when it has none. */
export function parseEnvFlag(value: string, environment: NodeJS.ProcessEnv): [string, string] | null {
  const [name, text] = splitOnce(value, '=');
  if (name === '') throw invalidFlag('--env', value, 'write NAME=value');
  if (text !== undefined) return [name, text];
  const inherited = environment[name];
  return inherited === undefined ? null : [name, inherited];
}

/** docker's --env-file: one NAME=value a line, `#` begins a comment line, nothing is quoted. */
export function parseEnvFile(content: string, environment: NodeJS.ProcessEnv): [string, string][] {
  return fileLines(content)
    .map((line) => parseEnvFlag(line, environment))
    .filter((entry) => entry !== null);
}

/** Neither empty nor comments; without a byte order mark. */
function fileLines(content: string): string[] {
  return content
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((line) => line.replace(/\r$/, '').trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** `key=value` or `key` alone, for labels. */
export function parseLabelFlag(value: string): [string, string] {
  const [key, text] = splitOnce(value, '=');
  if (key === '') throw invalidFlag('--label', value, 'write key=value');
  return [key, text ?? ''];
}

/** docker's --label-file: one label a line, `#` begins a comment line. */
export function parseLabelFile(content: string): [string, string][] {
  return fileLines(content).map(parseLabelFlag);
}

/** `/dev/sda:10mb`: a device and its limit. */
export function parseDeviceLimit<T>(flag: string, value: string, parse: (text: string) => T): [string, T] {
  const match = /^(\/dev\/[^:]+):(.+)$/.exec(value);
  if (!match?.[1] || !match[2]) throw invalidFlag(flag, value, 'bad format; write /dev/NAME:LIMIT');
  return [match[1], parse(match[2])];
}

/** `name=value`, both needed, for the flags that take a pair. */
export function parsePairFlag(flag: string, value: string): [string, string] {
  const [key, text] = splitOnce(value, '=');
  if (key === '' || text === undefined) throw invalidFlag(flag, value, 'write name=value');
  return [key, text];
}

/** `name:address` or `name=address`. */
export function parseAddHost(value: string): [string, string] {
  const match = /^([^:=]+)[:=](.+)$/.exec(value);
  if (!match?.[1] || !match[2]) throw invalidFlag('--add-host', value, 'write name:address');
  return [match[1], match[2].replace(/^\[(.*)\]$/, '$1')];
}

const propagations = ['private', 'rprivate', 'shared', 'rshared', 'slave', 'rslave'] as const;

/**
 * -v: `/host:/target[:ro]`, `name:/target`, or `/target` for an anonymous volume. `z` and `Z` would label the files for
 * SELinux, for all containers or for this one, which nobody enforces here: they change nothing.
 */
export function parseVolumeFlag(value: string, workingDirectory: string): ContainerMount {
  const parts = value.split(':');
  if (parts.length === 1) return { type: 'volume', target: value };
  const [source = '', target = '', options = '', ...more] = parts;
  if (source === '' || target === '' || more.length > 0) {
    throw invalidFlag('--volume', value, 'write source:target or source:target:ro');
  }
  const { readOnly, copy, propagation } = parseVolumeOptions(value, options);
  if (!/^[./]/.test(source)) return { type: 'volume', name: source, target, readOnly, copy };
  return {
    type: 'bind',
    source: resolve(workingDirectory, source),
    target,
    readOnly,
    createSource: true,
    ...(propagation && { propagation }),
  };
}

/** --volumes-from: `container`, `container:ro`; `z` and `Z` label files for SELinux, which nobody enforces here. */
export function parseVolumesFromFlag(value: string): VolumesFromOption {
  const [container, text = ''] = splitOnce(value, ':');
  const modes = text.split(',').filter((mode) => mode !== '');
  if (container === '' || modes.some((mode) => !['ro', 'rw', 'z', 'Z'].includes(mode)))
    throw invalidFlag('--volumes-from', value, 'write container or container:ro');
  return { container, readOnly: modes.includes('ro') };
}

interface VolumeFlagOptions {
  readonly readOnly: boolean;
  readonly copy: boolean;
  readonly propagation?: Propagation;
}

function parseVolumeOptions(value: string, text: string): VolumeFlagOptions {
  let readOnly = false;
  let copy = true;
  let propagation: Propagation | undefined;
  for (const option of text.split(',').filter((word) => word !== '')) {
    const found = propagations.find((name) => name === option);
    if (found) propagation = found;
    else if (option === 'ro') readOnly = true;
    else if (option === 'nocopy') copy = false;
    else if (!['rw', 'z', 'Z', 'cached', 'delegated', 'consistent'].includes(option)) {
      throw invalidFlag('--volume', value, `${option} is no option of a volume: use ro, rw or a propagation`);
    }
  }
  return { readOnly, copy, ...(propagation && { propagation }) };
}

const mountKeys: Readonly<Record<string, string>> = {
  type: 'type',
  source: 'source',
  src: 'source',
  target: 'target',
  dst: 'target',
  destination: 'target',
  readonly: 'readonly',
  ro: 'readonly',
  'bind-propagation': 'propagation',
  'volume-nocopy': 'nocopy',
  'tmpfs-size': 'size',
  'tmpfs-mode': 'mode',
};

/** --mount: `type=bind,source=/a,target=/b,readonly`. */
export function parseMountFlag(value: string, workingDirectory: string): ContainerMount {
  const fields = new Map(value.split(',').map((field) => mountField(value, field)));
  const type = fields.get('type') ?? 'volume';
  const target = fields.get('target');
  if (!target) throw invalidFlag('--mount', value, 'a target is missing: target=/path');
  const readOnly = truth(value, fields.get('readonly'));
  if (type === 'bind') return bindMount(value, fields, target, readOnly, workingDirectory);
  if (type === 'tmpfs') return tmpfsMount(fields, target);
  const name = fields.get('source');
  const copy = !truth(value, fields.get('nocopy'));
  if (type === 'volume') return { type: 'volume', target, readOnly, copy, ...(name && { name }) };
  throw invalidFlag('--mount', value, 'the type is one of bind, volume and tmpfs');
}

function mountField(value: string, field: string): [string, string] {
  const [key, text] = splitOnce(field, '=');
  const name = key.trim().toLowerCase();
  const known = Object.hasOwn(mountKeys, name) ? mountKeys[name] : undefined;
  if (known === undefined)
    throw invalidFlag('--mount', value, `${key} is unknown; known are ${Object.keys(mountKeys).join(', ')}`);
  return [known, text ?? 'true'];
}

function bindMount(
  value: string,
  fields: ReadonlyMap<string, string>,
  target: string,
  readOnly: boolean,
  workingDirectory: string,
): BindMountOption {
  const source = fields.get('source');
  if (!source) throw invalidFlag('--mount', value, 'a bind needs a source: source=/path');
  const propagation = fields.get('propagation') as Propagation | undefined;
  return {
    type: 'bind',
    source: resolve(workingDirectory, source),
    target,
    readOnly,
    ...(propagation && { propagation }),
  };
}

function tmpfsMount(fields: ReadonlyMap<string, string>, target: string): TmpfsMountOption {
  const size = fields.get('size');
  const mode = fields.get('mode');
  return {
    type: 'tmpfs',
    target,
    ...(size && { size }),
    ...(mode && { mode: Number.parseInt(mode, 8) }),
  };
}

/** --tmpfs: `/path` or `/path:size=64m,mode=1777,exec`. */
export function parseTmpfsFlag(value: string): TmpfsMountOption {
  const [target, list = ''] = splitOnce(value, ':');
  const fields = list.split(',').filter((text) => text !== '');
  const field = (key: string) => fields.find((text) => text.startsWith(`${key}=`))?.slice(key.length + 1);
  const size = field('size');
  const mode = field('mode');
  const options = fields.filter((text) => !/^(size|mode)=/.test(text));
  return {
    type: 'tmpfs',
    target,
    ...(size && { size }),
    ...(mode && { mode: Number.parseInt(mode, 8) }),
    ...(options.length > 0 && { options }),
  };
}

/** --ulimit: `nofile=1024` or `nofile=1024:2048`. */
export function parseUlimitFlag(value: string): [string, { soft: number; hard: number }] {
  const match = /^([a-z]+)=(-1|\d+)(?::(-1|\d+))?$/.exec(value);
  if (!match?.[1]) throw invalidFlag('--ulimit', value, 'write name=soft or name=soft:hard');
  const soft = Number(match[2]);
  return [match[1], { soft, hard: match[3] === undefined ? soft : Number(match[3]) }];
}

/** --device: `/dev/fuse`, `/dev/a:/dev/b`, `/dev/a:rw`, `/dev/a:/dev/b:rw`, or the name of a CDI device. */
export function parseDeviceFlag(value: string): DeviceOption | string {
  if (!value.startsWith('/') && value.includes('=')) return value;
  const [path = '', ...rest] = value.split(':');
  const target = rest.find((part) => part.startsWith('/'));
  const access = rest.find((part) => !part.startsWith('/'));
  if (path === '' || rest.length > 2)
    throw invalidFlag('--device', value, 'write /dev/source:/dev/target:rwm');
  return { path, ...(target && { target }), ...(access && { access }) };
}

/** --security-opt; a seccomp profile's file is read by `readProfile`. */
export function parseSecurityFlags(
  values: readonly string[],
  readProfile: (path: string) => unknown,
): SecurityOptions {
  const options = values.map((value) => securityOption(value, readProfile));
  const labels = options.map(({ label }) => label).filter((label) => label !== undefined);
  const label = labels.includes('disable') ? 'disable' : Object.assign({}, ...labels);
  return Object.assign({}, ...options, labels.length > 0 ? { label } : {});
}

function securityOption(value: string, readProfile: (path: string) => unknown): SecurityOptions {
  const [name, text] = splitOnce(value, /[=:]/.exec(value)?.[0] ?? '=');
  switch (name) {
    case 'no-new-privileges':
      return { noNewPrivileges: truth(value, text ?? 'true') };
    case 'seccomp':
      if (text === 'unconfined' || text === 'default' || text === 'builtin') {
        return { seccomp: text === 'unconfined' ? 'unconfined' : 'default' };
      }
      return { seccomp: readProfile(text ?? '') as Record<string, unknown> };
    case 'systempaths':
      if (text === 'unconfined') return { maskedPaths: [], readonlyPaths: [] };
      break;
    case 'writable-cgroups':
      return { writableCgroups: truth(value, text ?? 'true') };
    case 'apparmor':
      if (text) return { apparmor: text };
      break;
    case 'label':
      return { label: labelField(value, text ?? '') };
  }
  throw invalidFlag(
    '--security-opt',
    value,
    'known are seccomp=…, no-new-privileges, systempaths=unconfined, writable-cgroups, apparmor=… and label=…',
  );
}

/** `disable`, or one field: `type:container_t`. */
function labelField(value: string, text: string): NonNullable<SecurityOptions['label']> {
  if (text === 'disable') return 'disable';
  const [field = '', content] = splitOnce(text, ':');
  if (['user', 'role', 'type', 'level'].includes(field) && content) return { [field]: content };
  throw invalidFlag(
    '--security-opt',
    value,
    'write label=disable, or label= and user, role, type or level: label=type:container_t',
  );
}

function truth(value: string, text: string | undefined): boolean {
  if (text === undefined || text === 'false' || text === '0') return false;
  if (text === 'true' || text === '1') return true;
  throw invalidFlag('option', value, `${text} is neither true nor false`);
}

function splitOnce(value: string, separator: string): [string, string | undefined] {
  const at = value.indexOf(separator);
  return at < 0 ? [value, undefined] : [value.slice(0, at), value.slice(at + separator.length)];
}
