import { EngineError } from '../errors/index.ts';

/** Docker's rule: `[a-zA-Z0-9][a-zA-Z0-9_.-]+`; at most 200 bytes, since a directory bears it. */
export function isVolumeName(name: unknown): name is string {
  return typeof name === 'string' && /^[a-zA-Z0-9][a-zA-Z0-9_.-]{1,199}$/.test(name);
}

/** @throws EngineError ERR_VOLUME_NAME_INVALID */
export function parseVolumeName(name: unknown): string {
  if (isVolumeName(name)) return name;
  throw new EngineError(
    'ERR_VOLUME_NAME_INVALID',
    `invalid volume name ${JSON.stringify(String(name).slice(0, 200))}: use 2 to 200 of a-z A-Z 0-9 _ . - and begin ` +
      'with a letter or digit',
  );
}
