import type {
  DeviceOption,
  RestartOption,
  RestartPolicyName,
  SecurityOptions,
  VolumesFromOption,
} from '../containers/index.ts';
import { EngineError } from '../errors/index.ts';
import { refuseLabels } from './selinux.ts';

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

/** --volumes-from: `container`, `container:ro`; `z` and `Z` as for --volume. */
export function parseVolumesFromFlag(value: string): VolumesFromOption {
  const [container, text = ''] = splitOnce(value, ':');
  const modes = text.split(',').filter((mode) => mode !== '');
  if (container === '' || modes.some((mode) => !['ro', 'rw', 'z', 'Z'].includes(mode)))
    throw invalidFlag('--volumes-from', value, 'write container or container:ro');
  if (modes.some((mode) => mode === 'z' || mode === 'Z')) refuseLabels('--volumes-from', value);
  return { container, readOnly: modes.includes('ro') };
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

/** Of a text that stands in `value`. @throws EngineError ERR_INVALID_ARGUMENT for neither true nor false */
export function truth(value: string, text: string | undefined): boolean {
  if (text === undefined || text === 'false' || text === '0') return false;
  if (text === 'true' || text === '1') return true;
  throw invalidFlag('option', value, `${text} is neither true nor false`);
}

/** Around the first separator; without one the second part is undefined. */
export function splitOnce(value: string, separator: string): [string, string | undefined] {
  const at = value.indexOf(separator);
  return at < 0 ? [value, undefined] : [value.slice(0, at), value.slice(at + separator.length)];
}
