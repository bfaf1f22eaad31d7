import type { RestartDescription } from '../runtime/index.ts';
import { integer, invalidOption, oneOf } from './option-values.ts';
import type { RestartOption, RestartPolicyName } from './options.ts';
import type { ContainerState } from './state.ts';

/** A restart policy, parsed. `maximumRetries`: of `on-failure`; 0: any number. */
export interface RestartPolicy {
  readonly policy: RestartPolicyName;
  readonly maximumRetries: number;
}

const policies = ['no', 'always', 'unless-stopped', 'on-failure'] as const;

/** @throws EngineError ERR_CONTAINER_OPTION_INVALID */
export function parseRestart(option: RestartOption, autoRemove: boolean): RestartPolicy {
  const given = typeof option === 'object' && option !== null ? option : { policy: option };
  const policy = oneOf('restart', given.policy, policies);
  const maximumRetries = integer('restart.maximumRetries', given.maximumRetries ?? 0, 0, 2 ** 31 - 1);
  if (maximumRetries > 0 && policy !== 'on-failure')
    throw invalidOption('restart.maximumRetries', maximumRetries, 'it goes with on-failure only');
  if (autoRemove && policy !== 'no')
    throw invalidOption(
      'restart',
      policy,
      'a container that is removed when it ends (autoRemove) cannot restart',
    );
  return { policy, maximumRetries };
}

/** What the monitor is told. */
export function restartDescription(
  { policy, maximumRetries }: RestartPolicy,
  stopMarker: string,
): RestartDescription | null {
  return policy === 'no' ? null : { policy, maximumRetries, stopMarker };
}

/**
 * Whether a container that does not run should be started when the machine is up again, as dockerd does when it starts:
 * `always` even if it was stopped by hand, the others not.
 */
export function startsAfterReboot(
  { policy }: RestartPolicy,
  state: ContainerState,
  wasStopped: boolean,
): boolean {
  if (state.status !== 'exited') return false;
  if (policy === 'always') return true;
  if (wasStopped) return false;
  return policy === 'unless-stopped' || (policy === 'on-failure' && state.exitCode !== 0);
}
