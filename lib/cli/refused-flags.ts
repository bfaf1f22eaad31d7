import { type Command, Option } from 'commander';
import { EngineError, type ErrorCode } from '../errors/index.ts';

type Refusal = readonly [flag: string, reason: string, code?: ErrorCode];

/** docker's flags of `run` and `create` that are known and refused, each with its reason: docs/cli.md has the same list. */
export const refusedFlags: readonly Refusal[] = [
  ['--cpu-count <number>', 'it is for Windows; use --cpus'],
  ['--cpu-percent <percent>', 'it is for Windows; use --cpus'],
  ['--io-maxbandwidth <bytes>', 'it is for Windows; use --device-read-bps and --device-write-bps'],
  ['--io-maxiops <number>', 'it is for Windows; use --device-read-iops and --device-write-iops'],
  ['--isolation <technology>', 'it is for Windows'],
  [
    '--gpus <request>',
    'GPUs are CDI devices here: --device nvidia.com/gpu=all, with the spec file that nvidia-ctk cdi generate writes',
  ],
  ['--kernel-memory <bytes>', 'Linux 5.16 and later have no such limit; use --memory'],
  ['--runtime <name>', 'there is one runtime, built in; strake-runtime is for other engines'],
  ['--use-api-socket', 'there is no API socket and no daemon'],
  [
    '--link-local-ip <address>',
    'a link-local address is the interface’s own; use --ip6 for one of the network',
  ],
];

/** Adds them, hidden: a flag that docker has is refused for what it is, not as an unknown one. */
export function addRefusedFlags(command: Command): void {
  for (const [flags] of refusedFlags) command.addOption(new Option(flags).hideHelp());
  command.hook('preAction', (_, action) => refuse(action.opts()));
}

/** @throws EngineError with the reason, for the first of them that is given. */
function refuse(given: Readonly<Record<string, unknown>>): void {
  for (const [flags, reason, code = 'ERR_NOT_IMPLEMENTED'] of refusedFlags) {
    const option = new Option(flags);
    if (given[option.attributeName()] !== undefined)
      throw new EngineError(code, `${option.long} is not available: ${reason}`, {
        details: { flag: option.long },
      });
  }
}
