import { existsSync, readFileSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';
import type { ContainerSpec } from './spec.ts';

/**
 * Refuses confinement by a module that this kernel does not have: who asks for a profile and silently gets none believes to be
 * protected. (Docker ignores it.) @throws EngineError ERR_SECURITY_MODULE_MISSING
 */
export function requireSecurityModules({ apparmor, label }: ContainerSpec, sys = '/sys'): void {
  if (apparmor !== null && apparmor !== 'unconfined' && !hasApparmor(sys)) {
    throw missing(
      'security.apparmor',
      `the profile ${apparmor} cannot be applied: AppArmor is not enabled on this machine; leave out apparmor, or boot a kernel that has it (apparmor=1 security=apparmor)`,
    );
  }
  if (label !== null && !existsSync(`${sys}/fs/selinux/enforce`)) {
    throw missing(
      'security.label',
      `the label ${label} cannot be applied: SELinux is not enabled on this machine; leave out label, or give label=disable`,
    );
  }
}

/** What task.json and config.json say of them: nothing where the kernel has none. */
export function processLabels({ apparmor, label, privileged }: ContainerSpec): {
  apparmorProfile?: string;
  selinuxLabel?: string;
} {
  if (privileged) return {};
  return {
    ...(apparmor !== null && apparmor !== 'unconfined' && { apparmorProfile: apparmor }),
    ...(label !== null && { selinuxLabel: label }),
  };
}

/** docs.kernel.org, admin-guide/LSM/apparmor. */
function hasApparmor(sys: string): boolean {
  try {
    return readFileSync(`${sys}/module/apparmor/parameters/enabled`, 'utf8').startsWith('Y');
  } catch {
    return false;
  }
}

function missing(option: string, message: string): EngineError {
  return new EngineError('ERR_SECURITY_MODULE_MISSING', message, { details: { option } });
}
