import { endianness } from 'node:os';
import { EngineError } from '../errors/index.ts';

/**
 * What an image was built for, in the OCI specification's words (image-index.md, "platform"), which are Go's GOOS and
 * GOARCH. Always in the normal form of `normalizePlatform`: `arm64`, never `aarch64`; no variant where it is the default.
 */
export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly osVersion?: string;
  /** Such as `win32k`. */
  readonly osFeatures?: readonly string[];
}

const systems = new Set(
  'aix android darwin dragonfly freebsd illumos ios js linux netbsd openbsd plan9 solaris windows'.split(' '),
);
const architectures = new Set(
  '386 amd64 arm arm64 loong64 mips mipsle mips64 mips64le ppc64 ppc64le riscv64 s390x sparc64 wasm'.split(
    ' ',
  ),
);

/**
 * Parses `linux/arm/v7`, `linux/amd64`, or one word that is a system or an architecture (`arm64`, `linux`), the rest
 * being this machine's.
 * @throws EngineError ERR_PLATFORM_INVALID
 */
export function parsePlatform(text: string): Platform {
  const parts = text.split('/');
  if (text.length > 100 || parts.length > 3 || parts.some((part) => !/^[A-Za-z0-9_.-]+$/.test(part))) {
    throw invalid(text, 'write it as os/architecture or os/architecture/variant, such as linux/arm64/v8');
  }
  const [first = '', second, variant] = parts;
  if (second === undefined) return parseWord(text, first);
  return normalizePlatform({ os: first, architecture: second, ...(variant && { variant }) });
}

/** `linux/arm/v7`: the form that `parsePlatform` reads. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return variant === undefined ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** The normal form, by containerd's rules (its platforms module): aliases resolved, default variants dropped. */
export function normalizePlatform(platform: Platform): Platform {
  const os = platform.os.toLowerCase() === 'macos' ? 'darwin' : platform.os.toLowerCase();
  const [architecture, variant] = normalizeArchitecture(
    platform.architecture.toLowerCase(),
    platform.variant?.toLowerCase() ?? '',
  );
  return {
    os,
    architecture,
    ...(variant !== '' && { variant }),
    ...(platform.osVersion && { osVersion: platform.osVersion }),
    ...(platform.osFeatures && platform.osFeatures.length > 0 && { osFeatures: platform.osFeatures }),
  };
}

/** The platform of this machine and this Node. */
export function hostPlatform(): Platform {
  return normalizePlatform({ os: process.platform, architecture: hostArchitecture() });
}

/**
 * Platforms whose programs a machine of the given platform executes, the best first, as containerd ranks them: itself,
 * lower variants (arm v7, v6, v5; amd64 v3, v2, none), then the 32-bit ancestor (386 for amd64, arm v8 to v5 for arm64).
 */
export function platformCandidates(platform: Platform): Platform[] {
  const { os, architecture, variant } = normalizePlatform(platform);
  const at = (name: string, versions: string[]) =>
    versions.map((version) => normalizePlatform({ os, architecture: name, variant: version }));
  switch (architecture) {
    case 'amd64':
      return [...at('amd64', descending(variant ?? 'v1', 1)), { os, architecture: '386' }];
    case 'arm':
      return at('arm', descending(variant ?? 'v7', 5));
    case 'arm64':
      return [...at('arm64', descendingArm64(variant ?? 'v8')), ...at('arm', descending('v8', 5))];
    default:
      return [{ os, architecture, ...(variant !== undefined && { variant }) }];
  }
}

/**
 * Picks what suits a platform best from things that name a platform, such as the descriptors of an index. What names
 * none suits every platform, but last. Of equals the first listed is taken. Undefined when nothing suits.
 * With `strict` only the very platform will do (and no lower variant or 32-bit ancestor).
 */
export function selectPlatform<T extends { readonly platform?: Platform }>(
  offers: readonly T[],
  wanted: Platform,
  options: { strict?: boolean } = {},
): T | undefined {
  const candidates = options.strict ? [normalizePlatform(wanted)] : platformCandidates(wanted);
  for (const candidate of candidates) {
    const found = offers.find((offer) => offer.platform && samePlatform(offer.platform, candidate));
    if (found) return found;
  }
  return offers.find((offer) => offer.platform === undefined);
}

/** Whether an image of the platform `offered` runs on `wanted`, itself or by a fallback of `platformCandidates`. */
export function matchesPlatform(offered: Platform, wanted: Platform): boolean {
  return platformCandidates(wanted).some((candidate) => samePlatform(offered, candidate));
}

function samePlatform(left: Platform, right: Platform): boolean {
  const a = normalizePlatform(left);
  return a.os === right.os && a.architecture === right.architecture && a.variant === right.variant;
}

function parseWord(text: string, word: string): Platform {
  const host = hostPlatform();
  if (systems.has(word.toLowerCase()) || word.toLowerCase() === 'macos') {
    return normalizePlatform({ ...host, os: word });
  }
  const { architecture, variant } = normalizePlatform({ os: host.os, architecture: word });
  if (architectures.has(architecture)) return { os: host.os, architecture, ...(variant && { variant }) };
  throw invalid(text, 'it is neither a known operating system nor a known architecture');
}

function normalizeArchitecture(architecture: string, variant: string): [string, string] {
  switch (architecture) {
    case 'i386':
    case '386':
      return ['386', ''];
    case 'x86_64':
    case 'x86-64':
    case 'amd64':
      return ['amd64', variant === 'v1' || variant === '1' ? '' : prefixed(variant)];
    case 'aarch64':
    case 'arm64':
      return ['arm64', ['8', 'v8', 'v8.0', '8.0'].includes(variant) ? '' : prefixed(variant)];
    case 'armhf':
      return ['arm', 'v7'];
    case 'armel':
      return ['arm', 'v6'];
    case 'arm':
      return ['arm', variant === '' ? 'v7' : prefixed(variant)];
    default:
      return [architecture, variant];
  }
}

function prefixed(variant: string): string {
  return /^[0-9]/.test(variant) ? `v${variant}` : variant;
}

/** `v7` down to `v<lowest>`; a variant that is no such number stands alone. */
function descending(variant: string, lowest: number): string[] {
  const match = /^v([1-9])$/.exec(variant);
  if (match === null) return [variant];
  const highest = Number(match[1]);
  if (highest < lowest) return [variant];
  return Array.from({ length: highest - lowest + 1 }, (_, step) => `v${highest - step}`);
}

/** `v9.2` runs v9.2 … v9.0, and, since each v9.n is a superset of v8.(n+5), all of v8 below that; so do `v8.n`. */
function descendingArm64(variant: string): string[] {
  const match = /^v([89])(?:\.([0-9]))?$/.exec(variant);
  if (match === null) return [variant];
  const minor = Number(match[2] ?? 0);
  const names = (major: number, from: number) =>
    Array.from({ length: from + 1 }, (_, step) => (from === step ? `v${major}` : `v${major}.${from - step}`));
  return match[1] === '9' ? [...names(9, minor), ...names(8, Math.min(minor + 5, 9))] : names(8, minor);
}

function hostArchitecture(): string {
  const little = endianness() === 'LE';
  switch (process.arch as string) {
    case 'x64':
      return 'amd64';
    case 'ia32':
      return '386';
    case 'ppc64':
      return little ? 'ppc64le' : 'ppc64';
    case 'mipsel':
      return 'mipsle';
    default:
      return process.arch;
  }
}

function invalid(text: string, remedy: string): EngineError {
  return new EngineError(
    'ERR_PLATFORM_INVALID',
    `invalid platform ${JSON.stringify(text.slice(0, 100))}: ${remedy}`,
  );
}
