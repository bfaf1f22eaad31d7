import { readPlatform } from './descriptor.ts';
import { type Digest, parseDigest } from './digest.ts';
import { type JsonObject, parseJsonObject } from './json.ts';
import type { Platform } from './platform.ts';

/** Bytes of the largest image config that is read: real ones are a few KiB, long histories some hundred. */
export const maxImageConfigSize = 8 * 1024 * 1024;

const maxDiffIds = 1000;
const maxHistory = 10_000;

/** What an image says about itself: OCI image-spec 1.1 config.md, in our spelling. Absent lists are empty. */
export interface ImageConfig {
  readonly platform: Platform;
  /** RFC 3339 */
  readonly created?: string;
  readonly author?: string;
  readonly process: ImageProcess;
  /** Digests of the uncompressed layers, base first. */
  readonly diffIds: readonly Digest[];
  readonly history: readonly History[];
}

/** How a container of the image runs by default (`config` in the document, with Docker's extensions). */
export interface ImageProcess {
  readonly user?: string;
  /** `NAME=value` */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir?: string;
  readonly labels: Readonly<Record<string, string>>;
  /** `80/tcp` */
  readonly exposedPorts: readonly string[];
  /** paths */
  readonly volumes: readonly string[];
  readonly stopSignal?: string;
  readonly shell?: readonly string[];
  readonly onBuild: readonly string[];
  readonly healthcheck?: Healthcheck;
}

/** The defaults of what says nothing: a root file system that is no image. */
export const noProcess: ImageProcess = {
  env: [],
  entrypoint: [],
  cmd: [],
  labels: {},
  exposedPorts: [],
  volumes: [],
  onBuild: [],
};

/** Docker's health check; times in nanoseconds, 0 or absent meaning the default. */
export interface Healthcheck {
  readonly test: readonly string[];
  readonly interval?: number;
  readonly timeout?: number;
  readonly startPeriod?: number;
  readonly startInterval?: number;
  readonly retries?: number;
}

/** How one layer came to be. `emptyLayer` means that no diffId belongs to the entry. */
export interface History {
  readonly created?: string;
  readonly createdBy?: string;
  readonly author?: string;
  readonly comment?: string;
  readonly emptyLayer: boolean;
}

/**
 * Parses the config of an image, its digest already verified.
 * @throws EngineError ERR_IMAGE_CONFIG_INVALID, ERR_DIGEST_INVALID
 */
export function parseImageConfig(bytes: Uint8Array): ImageConfig {
  const source = parseJsonObject(bytes, 'image config', maxImageConfigSize, 'ERR_IMAGE_CONFIG_INVALID');
  const created = source.string('created', 100);
  const author = source.string('author');
  return {
    platform: readPlatform(source),
    ...(created && { created }),
    ...(author && { author }),
    process: readProcess(source.object('config')),
    diffIds: readDiffIds(source.requiredObject('rootfs')),
    history: (source.objects('history', maxHistory) ?? []).map(readHistory),
  };
}

function readDiffIds(rootfs: JsonObject): Digest[] {
  const type = rootfs.requiredString('type', 100);
  if (type !== 'layers') throw rootfs.error('type', `must be "layers", not ${JSON.stringify(type)}`);
  return (rootfs.strings('diff_ids', maxDiffIds) ?? []).map(parseDigest);
}

function readProcess(source: JsonObject | undefined): ImageProcess {
  const text = (name: string) => source?.string(name, 65_536) || undefined;
  const user = text('User');
  const workingDir = text('WorkingDir');
  const stopSignal = text('StopSignal');
  const shell = source?.strings('Shell');
  const healthcheck = readHealthcheck(source?.object('Healthcheck'));
  return {
    ...(user && { user }),
    env: source?.strings('Env') ?? [],
    entrypoint: source?.strings('Entrypoint') ?? [],
    cmd: source?.strings('Cmd') ?? [],
    ...(workingDir && { workingDir }),
    labels: source?.stringMap('Labels') ?? {},
    exposedPorts: source?.object('ExposedPorts')?.keys() ?? [],
    volumes: source?.object('Volumes')?.keys() ?? [],
    ...(stopSignal && { stopSignal }),
    ...(shell && { shell }),
    onBuild: source?.strings('OnBuild') ?? [],
    ...(healthcheck && { healthcheck }),
  };
}

function readHealthcheck(source: JsonObject | undefined): Healthcheck | undefined {
  const test = source?.strings('Test');
  if (source === undefined || test === undefined || test.length === 0) return undefined;
  const names = {
    interval: 'Interval',
    timeout: 'Timeout',
    startPeriod: 'StartPeriod',
    startInterval: 'StartInterval',
    retries: 'Retries',
  };
  const numbers = Object.entries(names).map(([ours, theirs]) => [ours, source.integer(theirs)] as const);
  return { test, ...Object.fromEntries(numbers.filter(([, value]) => value !== undefined)) };
}

function readHistory(source: JsonObject): History {
  const created = source.string('created', 100);
  const createdBy = source.string('created_by', 1 << 20);
  const author = source.string('author');
  const comment = source.string('comment', 65_536);
  return {
    ...(created && { created }),
    ...(createdBy && { createdBy }),
    ...(author && { author }),
    ...(comment && { comment }),
    emptyLayer: source.boolean('empty_layer') ?? false,
  };
}
