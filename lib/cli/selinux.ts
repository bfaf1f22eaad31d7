import { existsSync } from 'node:fs';
import { EngineError } from '../errors/index.ts';

/**
 * For `z` and `Z`, which have files labelled for SELinux. Where the kernel enforces no labels they mean nothing, as for
 * docker; where it does, who asks for labels must not believe that they were given. ERR_NOT_IMPLEMENTED
 */
export function refuseLabels(flag: string, value: string): void {
  if (!existsSync('/sys/fs/selinux/enforce')) return;
  throw new EngineError(
    'ERR_NOT_IMPLEMENTED',
    `invalid ${flag} ${JSON.stringify(value)}: files are not labelled for SELinux by strake; label them first (chcon -Rt container_file_t DIR) and leave out z and Z`,
    { details: { flag } },
  );
}
