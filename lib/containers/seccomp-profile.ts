import type { RuntimeSeccomp, RuntimeSeccompRule } from '../oci/index.ts';
import { invalidOption } from './option-values.ts';

/** Conditions of a rule in docker's profiles (moby profiles/seccomp): of each list that is given one must hold. */
interface Conditions {
  readonly arches?: readonly string[];
  readonly caps?: readonly string[];
  /** "4.8" */
  readonly minKernel?: string;
}

interface ProfileRule extends Omit<RuntimeSeccompRule, 'names'> {
  readonly names?: readonly string[];
  readonly name?: string;
  readonly comment?: string;
  readonly includes?: Conditions;
  readonly excludes?: Conditions;
}

/** A profile as docker's --security-opt takes it: linux.seccomp of the runtime-spec, and what docker adds to it. */
interface Profile extends Omit<RuntimeSeccomp, 'syscalls'> {
  readonly archMap?: readonly {
    readonly architecture: string;
    readonly subArchitectures?: readonly string[] | null;
  }[];
  readonly syscalls?: readonly ProfileRule[] | null;
}

/** What the conditions of a profile are about. */
export interface ProfileSubject {
  /** Effective ones: "CAP_CHOWN". */
  readonly capabilities: readonly string[];
  /** Node's word. */
  readonly arch: string;
  /** uname -r */
  readonly kernel: string;
}

/** Node's words for a machine in a profile's and in seccomp's. */
const names: Readonly<Record<string, readonly [profile: string, seccomp: string]>> = {
  x64: ['amd64', 'SCMP_ARCH_X86_64'],
  arm64: ['arm64', 'SCMP_ARCH_AARCH64'],
};

/**
 * A profile for one container: rules whose conditions do not hold are left out, and docker's archMap becomes the list of
 * architectures. A rule that was taken without its conditions would allow what its author forbade.
 * @throws EngineError ERR_CONTAINER_OPTION_INVALID
 */
export function seccompProfile(
  given: Readonly<Record<string, unknown>>,
  subject: ProfileSubject,
): RuntimeSeccomp {
  const { archMap, syscalls, ...profile } = given as unknown as Profile;
  if (archMap && profile.architectures?.length)
    throw invalidOption(
      'security.seccomp',
      'archMap',
      "'architectures' and 'archMap' were specified in the profile, use either 'architectures' or 'archMap'",
    );
  const architectures = archMap ? mappedArchitectures(archMap, subject.arch) : profile.architectures;
  return {
    ...profile,
    ...(architectures && { architectures }),
    syscalls: (syscalls ?? []).filter((rule) => applies(rule, subject)).map(plainRule),
  };
}

function mappedArchitectures(archMap: NonNullable<Profile['archMap']>, arch: string): readonly string[] {
  const own = names[arch]?.[1];
  const entry = archMap.find(({ architecture }) => architecture === own);
  return entry ? [entry.architecture, ...(entry.subArchitectures ?? [])] : [];
}

function applies({ includes = {}, excludes = {} }: ProfileRule, subject: ProfileSubject): boolean {
  const arch = names[subject.arch]?.[0] ?? subject.arch;
  const has = (name: string) => subject.capabilities.includes(name);
  if (excludes.arches?.includes(arch) || excludes.caps?.some(has)) return false;
  if (excludes.minKernel && isAtLeast(subject.kernel, excludes.minKernel)) return false;
  if (includes.arches?.length && !includes.arches.includes(arch)) return false;
  if (includes.caps?.length && !includes.caps.every(has)) return false;
  return !includes.minKernel || isAtLeast(subject.kernel, includes.minKernel);
}

function plainRule({
  name,
  names: all,
  comment: _,
  includes: _i,
  excludes: _e,
  ...rule
}: ProfileRule): RuntimeSeccompRule {
  if (name !== undefined && all?.length)
    throw invalidOption(
      'security.seccomp',
      name,
      "'name' and 'names' were specified in the profile, use either 'name' or 'names'",
    );
  const { args, ...rest } = rule;
  return { ...rest, names: all ?? (name === undefined ? [] : [name]), ...(args?.length && { args }) };
}

function isAtLeast(kernel: string, least: string): boolean {
  const [major = 0, minor = 0] = kernel.split('.').map(Number.parseFloat);
  const [wantedMajor = 0, wantedMinor = 0] = least.split('.').map(Number);
  return major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
}
