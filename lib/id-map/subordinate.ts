/** A line of /etc/subuid or /etc/subgid (subuid(5)), for the user that was asked for. */
export interface SubordinateRange {
  readonly start: number;
  readonly size: number;
}

/** The last id there is: 2^32 - 1 is (uid_t)-1, no user. */
export const largestId = 2 ** 32 - 2;

/**
 * The ranges that subuid(5)'s text gives to a user, who stands there by name or number. Lines that say nothing are passed
 * over, ids past the last one are left out.
 */
export function subordinateRanges(text: string, user: { name: string; uid: number }): SubordinateRange[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(':'))
    .filter(([owner]) => owner === user.name || owner === String(user.uid))
    .filter(([, start = '', size = '']) => isNumber(start) && isNumber(size))
    .map(([, start, size]) => ({ start: Number(start), size: Number(size) }))
    .map(({ start, size }) => ({ start, size: Math.min(size, largestId + 1 - start) }))
    .filter(({ size }) => size > 0);
}

function isNumber(text: string): boolean {
  return /^\d{1,10}$/.test(text);
}
