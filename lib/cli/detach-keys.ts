import type { Cli } from './cli.ts';
import { invalidFlag } from './flag-values.ts';
import { parseDetachKeys } from './terminal.ts';

/**
 * The keys that detach: of --detach-keys, else of the configuration, which is read only where keys are typed.
 * @throws EngineError ERR_INVALID_ARGUMENT, ERR_CONFIG_INVALID
 */
export async function detachKeys(
  cli: Cli,
  asked: string | undefined,
  { tty, stdin }: { tty: boolean; stdin: boolean },
): Promise<{ detachKeys?: readonly number[] }> {
  if (asked === undefined && !(tty && stdin && process.stdin.isTTY)) return {};
  const text = asked ?? (await cli.config()).terminal.detachKeys;
  const detachKeys = parseDetachKeys(text);
  if (detachKeys === undefined)
    throw invalidFlag('--detach-keys', text, 'write letters and ctrl-<letter>, separated by commas');
  return { detachKeys };
}
