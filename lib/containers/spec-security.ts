import { absolutePath, flag, invalidOption, text, texts } from './option-values.ts';
import type { ContainerOptions } from './options.ts';

/** SecurityOptions, parsed. */
export interface SpecSecurity {
  readonly seccomp: 'default' | 'unconfined' | Readonly<Record<string, unknown>>;
  readonly noNewPrivileges: boolean;
  readonly maskedPaths: readonly string[] | null;
  readonly readonlyPaths: readonly string[] | null;
  /** null: the kernel's or none; "unconfined". */
  readonly apparmor: string | null;
  /** A SELinux label of its process, "user:role:type:level"; null: none of ours. */
  readonly label: string | null;
  readonly writableCgroups: boolean;
}

export function parseSecurity(security: NonNullable<ContainerOptions['security']>): SpecSecurity {
  const paths = (option: string, value: readonly string[] | undefined) =>
    value === undefined ? null : texts(option, value).map((path) => absolutePath(option, path));
  return {
    seccomp: parseSeccomp(security.seccomp ?? 'default'),
    noNewPrivileges: flag('security.noNewPrivileges', security.noNewPrivileges),
    maskedPaths: paths('security.maskedPaths', security.maskedPaths),
    readonlyPaths: paths('security.readonlyPaths', security.readonlyPaths),
    apparmor: security.apparmor === undefined ? null : parseApparmor(security.apparmor),
    label: security.label === undefined || security.label === 'disable' ? null : parseLabel(security.label),
    writableCgroups: flag('security.writableCgroups', security.writableCgroups),
  };
}

function parseSeccomp(seccomp: unknown): SpecSecurity['seccomp'] {
  if (seccomp === 'default' || seccomp === 'unconfined') return seccomp;
  if (typeof seccomp === 'object' && seccomp !== null && 'defaultAction' in seccomp) {
    return seccomp as Readonly<Record<string, unknown>>;
  }
  throw invalidOption(
    'security.seccomp',
    seccomp,
    'give "default", "unconfined", or a profile with a defaultAction',
  );
}

function parseApparmor(value: unknown): string {
  const profile = text('security.apparmor', value);
  if (/^[^\s\0][^\0\n]*$/.test(profile)) return profile;
  throw invalidOption('security.apparmor', value, 'give the name of a loaded profile, or "unconfined"');
}

const labelFields = ['user', 'role', 'type', 'level'] as const;

/** Docker's defaults (opencontainers/selinux); what is given replaces its field. */
function parseLabel(label: Exclude<NonNullable<ContainerOptions['security']>['label'], undefined>): string {
  if (typeof label !== 'object' || label === null)
    throw invalidOption('security.label', label, 'give "disable", or user, role, type and level');
  const unknown = Object.keys(label).find(
    (name) => !labelFields.includes(name as (typeof labelFields)[number]),
  );
  if (unknown) throw invalidOption('security.label', unknown, `known are ${labelFields.join(', ')}`);
  const { user = 'system_u', role = 'system_r', type = 'container_t', level = 's0' } = label;
  return [user, role, type, level].map((field) => text('security.label', field)).join(':');
}
