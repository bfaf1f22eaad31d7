import { invalidOption, oneOf, text } from './option-values.ts';
import type { ContainerOptions, NamespaceOptions } from './options.ts';
import { parseUserNamespace, type SpecUserNamespace } from './spec-user-namespace.ts';

/** "container:" and the id (as it is asked for: or the name) of a container whose namespace is shared. */
export type ContainerMode = `container:${string}`;

/** NamespaceOptions, parsed. */
export interface SpecNamespaces {
  readonly pid: 'private' | 'host' | ContainerMode;
  /** `none`: private, and nothing at /dev/shm. `shareable`: private, and others may join it. */
  readonly ipc: 'private' | 'host' | 'none' | 'shareable' | ContainerMode;
  readonly uts: 'private' | 'host';
  readonly cgroup: 'private' | 'host';
  /** null: the engine's default. */
  readonly user: SpecUserNamespace | null;
}

export function parseNamespaces(namespaces: NamespaceOptions): SpecNamespaces {
  const { pid = 'private', ipc = 'private', uts = 'private', cgroup = 'private', user } = namespaces;
  return {
    pid: containerMode('namespaces.pid', pid) ?? oneOf('namespaces.pid', pid, ['private', 'host'] as const),
    ipc:
      containerMode('namespaces.ipc', ipc) ??
      oneOf('namespaces.ipc', ipc, ['private', 'host', 'none', 'shareable'] as const),
    uts: oneOf('namespaces.uts', uts, ['private', 'host'] as const),
    cgroup: oneOf('namespaces.cgroup', cgroup, ['private', 'host'] as const),
    user: parseUserNamespace(user),
  };
}

/** "container:NAME"; null for what is none. @throws EngineError ERR_CONTAINER_OPTION_INVALID without a name */
export function containerMode(option: string, value: unknown): ContainerMode | null {
  if (typeof value !== 'string' || !/^container(:|$)/.test(value)) return null;
  if (text(option, value).length > 'container:'.length) return value as ContainerMode;
  throw invalidOption(option, value, 'invalid container format container:<name|id>');
}

/** The container that a mode names; null for the modes that name none. */
export function modeContainer(mode: string): string | null {
  return mode.startsWith('container:') ? mode.slice('container:'.length) : null;
}

/**
 * What a container that shares others' namespaces cannot have of its own: docker's list (moby runconfig, hostconfig_unix).
 * @throws EngineError ERR_CONTAINER_OPTION_INVALID
 */
export function refuseConflicts(options: ContainerOptions): void {
  const joins = typeof options.network === 'string' && modeContainer(options.network) !== null;
  const isEmpty = (value: object | undefined) => Object.keys(value ?? {}).length === 0;
  const { uts } = options.namespaces ?? {};
  const conflicts: [boolean, option: string, value: unknown, reason: string][] = [
    [
      uts === 'host' && options.hostname !== undefined,
      'hostname',
      options.hostname,
      'hostname and the UTS mode',
    ],
    [
      uts === 'host' && options.domainname !== undefined,
      'domainname',
      options.domainname,
      'domainname and the UTS mode',
    ],
    [joins && options.hostname !== undefined, 'hostname', options.hostname, 'hostname and the network mode'],
    [joins && !isEmpty(options.dns), 'dns', options.network, 'dns and the network mode'],
    [
      joins && !isEmpty(options.extraHosts),
      'extraHosts',
      options.network,
      'custom host-to-IP mapping and the network mode',
    ],
  ];
  for (const [holds, option, value, reason] of conflicts)
    if (holds) throw invalidOption(option, value, `conflicting options: ${reason}`);
}
