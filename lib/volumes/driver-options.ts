import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { EngineError } from '../errors/index.ts';

/** Options of docker's driver "local": what is mounted where the volume is used. */
export type DriverOptions = Readonly<Record<'type' | 'o' | 'device', string>>;

/** How a volume is mounted in a container: a directory of this machine, or a file system of its own. */
export interface VolumeMount {
  /** "bind", or the file system's. */
  readonly type: string;
  readonly source: string;
  /** mount(8)'s words. */
  readonly options: readonly string[];
  /** Its files are stored with the ids that containers see: they are shown by each container's map. */
  readonly idsInside?: true;
}

const known = ['type', 'o', 'device'];

/** What each option is nothing without (moby volume/local, local_linux.go). */
const required: Readonly<Record<string, readonly string[]>> = {
  device: ['type'],
  type: ['device'],
  o: ['device', 'type'],
};

/**
 * Docker's rules for the driver's options; null: none were given, and the volume is a directory of the root.
 * @throws EngineError ERR_INVALID_ARGUMENT
 */
export function parseDriverOptions(options: Readonly<Record<string, string>>): DriverOptions | null {
  const names = Object.keys(options);
  if (names.length === 0) return null;
  for (const name of names) {
    if (!known.includes(name))
      throw invalid(`invalid option: ${JSON.stringify(name)}; known are ${known.join(', ')}`);
    if (typeof options[name] !== 'string' || options[name].includes('\0'))
      throw invalid(`the value of ${name} must be a text without NUL`);
    const missing = required[name]?.find((other) => !options[other]);
    if (missing) throw invalid(`missing required option: ${JSON.stringify(missing)}`);
  }
  const { type = '', o = '', device = '' } = options;
  if (isBind(o) && !device.startsWith('/'))
    throw invalid(`the device of a bind must be an absolute path: ${device}`);
  return { type, o, device };
}

/** As the kernel takes it. The host in a network file system's `addr=` is looked up, as docker does it. */
export async function driverMount({ type, o, device }: DriverOptions): Promise<VolumeMount> {
  const words = o.split(',').filter((word) => word !== '');
  if (isBind(o)) {
    const others = words.filter((word) => word !== 'bind' && word !== 'rbind');
    return { type: 'bind', source: device, options: [words.includes('rbind') ? 'rbind' : 'bind', ...others] };
  }
  return { type, source: device, options: await Promise.all(words.map(withAddress)) };
}

function isBind(o: string): boolean {
  return o.split(',').some((word) => word === 'bind' || word === 'rbind');
}

async function withAddress(word: string): Promise<string> {
  const host = /^addr=(.+)$/.exec(word)?.[1];
  if (host === undefined || isIP(host) !== 0) return word;
  try {
    return `addr=${(await lookup(host)).address}`;
  } catch (cause) {
    throw new EngineError(
      'ERR_MOUNT_FAILED',
      `cannot mount a volume: its server ${host} has no address; give it as addr=IP`,
      {
        cause,
        details: { host },
      },
    );
  }
}

function invalid(complaint: string): EngineError {
  return new EngineError('ERR_INVALID_ARGUMENT', `invalid driver options of a volume: ${complaint}`);
}
