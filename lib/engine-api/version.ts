import { Refusal } from './refusal.ts';

/** A version of the Engine API: `{ major: 1, minor: 41 }`. */
export interface ApiVersion {
  readonly major: number;
  readonly minor: number;
}

/** What is announced; later ones, up to `acceptedVersion`, are answered as this one. */
export const newestVersion: ApiVersion = { major: 1, minor: 51 };
export const oldestVersion: ApiVersion = { major: 1, minor: 24 };
/** Clients that do not negotiate and were written for a later release of 1.5x are not turned away. */
const acceptedVersion: ApiVersion = { major: 1, minor: 59 };

/** `1.41` */
export function formatVersion({ major, minor }: ApiVersion): string {
  return `${major}.${minor}`;
}

/** Whether `version` has what came with 1.`minor`. */
export function isAtLeast(version: ApiVersion, minor: number): boolean {
  return version.major > 1 || version.minor >= minor;
}

/**
 * Takes the version off a path: `/v1.41/info` is `/info` of 1.41, and `/info` is that of the newest.
 * @throws Refusal 400 for one that is too old or too new, in docker's words
 */
export function splitVersion(path: string): { readonly version: ApiVersion; readonly path: string } {
  const match = /^\/v(\d{1,4})\.(\d{1,4})(\/.*)$/.exec(path);
  if (match === null) return { version: newestVersion, path };
  const [, major, minor, rest = '/'] = match;
  const version = { major: Number(major), minor: Number(minor) };
  if (compare(version, oldestVersion) < 0) throw tooOld(version);
  if (compare(version, acceptedVersion) > 0) throw tooNew(version);
  return { version, path: rest };
}

function compare(left: ApiVersion, right: ApiVersion): number {
  return left.major - right.major || left.minor - right.minor;
}

function tooOld(version: ApiVersion): Refusal {
  return new Refusal(
    400,
    `client version ${formatVersion(version)} is too old. Minimum supported API version is ${formatVersion(oldestVersion)}, please upgrade your client to a newer version`,
  );
}

function tooNew(version: ApiVersion): Refusal {
  return new Refusal(
    400,
    `client version ${formatVersion(version)} is too new. Maximum supported API version is ${formatVersion(newestVersion)}`,
  );
}
