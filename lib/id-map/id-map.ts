import type { NativeIdMap, NativeIdRange } from '../../bindings/user-namespace.ts';

/** What the ids inside are outside (user_namespaces(7)): at least one range for users and one for groups, 0 in them. */
export type IdMap = NativeIdMap;

/** `size` ids from `containerID` inside are `hostID`… outside. */
export type IdRange = NativeIdRange;

/** The id inside that `id` outside is; null: it has none. */
export function insideOf(ranges: readonly IdRange[], id: number): number | null {
  const range = ranges.find(({ hostID, size }) => id >= hostID && id < hostID + size);
  return range === undefined ? null : range.containerID + id - range.hostID;
}

/** The id outside that `id` inside is; null: it does not exist inside. */
export function outsideOf(ranges: readonly IdRange[], id: number): number | null {
  const range = ranges.find(({ containerID, size }) => id >= containerID && id < containerID + size);
  return range === undefined ? null : range.hostID + id - range.containerID;
}

/** Whether `id` exists inside. */
export function isMapped(ranges: readonly IdRange[], id: number): boolean {
  return ranges.some(({ containerID, size }) => id >= containerID && id < containerID + size);
}

/** How many ids there are inside. */
export function sizeOf(ranges: readonly IdRange[]): number {
  return ranges.reduce((sum, { size }) => sum + size, 0);
}

/** "0:1000:1 1:100000:65536", as people write it. */
export function mapText(ranges: readonly IdRange[]): string {
  return ranges.map(({ containerID, hostID, size }) => `${containerID}:${hostID}:${size}`).join(' ');
}

/** What mapText wrote. */
export function parseMapText(text: string): IdRange[] {
  return text
    .trim()
    .split(/\s+/)
    .map((range) => range.split(':').map(Number))
    .map(([containerID = 0, hostID = 0, size = 0]) => ({ containerID, hostID, size }));
}

/** Whether every id that there is by `before` is the same one by `now`. */
export function isExtendedBy(before: readonly IdRange[], now: readonly IdRange[]): boolean {
  return before.every(({ containerID, hostID, size }) =>
    now.some(
      (range) =>
        range.containerID <= containerID &&
        range.hostID - range.containerID === hostID - containerID &&
        range.containerID + range.size >= containerID + size,
    ),
  );
}
