import type { ImageProcess, RuntimeProcess } from '../oci/index.ts';
import { effectiveCapabilities } from './capabilities.ts';
import { invalidOption } from './option-values.ts';
import { processLabels } from './security-modules.ts';
import type { ContainerSpec } from './spec.ts';

/** What a shell finds without any PATH of the image's: docker's. */
const defaultPath = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Entrypoint and arguments by docker's rules: an own entrypoint drops the image's arguments. */
export function commandLine(spec: ContainerSpec, image: ImageProcess): string[] {
  const entrypoint = spec.entrypoint ?? image.entrypoint;
  const argv = spec.argv?.length || spec.entrypoint !== null ? (spec.argv ?? []) : image.cmd;
  const command = [...entrypoint, ...argv];
  if (command.length > 0) return command;
  throw invalidOption('command', '', 'the image names none: give one');
}

/** Docker's PATH, HOSTNAME and TERM, then the image's variables, then the container's own; later ones replace. */
export function environment(spec: ContainerSpec, image: ImageProcess, hostname: string): string[] {
  const own = [defaultPath, `HOSTNAME=${hostname}`, ...(spec.tty ? ['TERM=xterm'] : [])];
  return mergeEnvironment(own, image.env, spec.env);
}

/** `NAME=value`, each name once: later ones replace. */
export function mergeEnvironment(...environments: readonly (readonly string[])[]): string[] {
  const variables = new Map<string, string>();
  for (const entry of environments.flat()) variables.set(nameOf(entry), entry);
  return [...variables.values()];
}

export function runtimeProcess(spec: ContainerSpec, image: ImageProcess, hostname: string): RuntimeProcess {
  const capabilities = effectiveCapabilities(spec.capAdd, spec.capDrop, spec.privileged);
  return {
    terminal: spec.tty,
    user: { uid: 0, gid: 0 },
    args: commandLine(spec, image),
    env: environment(spec, image, hostname),
    cwd: spec.cwd ?? workingDir(image),
    // Nothing inheritable and nothing ambient (CVE-2022-24769): a user other than root gets none by execve(2).
    capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    noNewPrivileges: spec.noNewPrivileges,
    ...processLabels(spec),
    ...(spec.limits.ulimits.length > 0 && { rlimits: spec.limits.ulimits }),
    ...(spec.limits.oomScoreAdj !== null && { oomScoreAdj: spec.limits.oomScoreAdj }),
  };
}

/** An image's directory may be relative to its root. */
export function workingDir(image: ImageProcess): string {
  const path = image.workingDir ?? '/';
  return path.startsWith('/') ? path : `/${path}`;
}

function nameOf(entry: string): string {
  const equals = entry.indexOf('=');
  return equals < 0 ? entry : entry.slice(0, equals);
}
