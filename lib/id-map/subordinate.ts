/** A line of /etc/subuid or /etc/subgid (subuid(5)), for the user that was asked for. */
export interface SubordinateRange {
  readonly start: number;
  readonly size: number;
}

const largestId = 2 ** 32 - 2;

/** The ranges that subuid(5)'s text gives to a user, who stands there by name or number. Lines that say nothing are passed over. */
export function subordinateRanges(text: string, user: { name: string; uid: number }): SubordinateRange[] {
  return text
    .split('\n')
    .map((line) => line.trim().split(':'))
    .filter(([owner]) => owner === user.name || owner === String(user.uid))
    .map(([, start, size]) => ({ start: Number(start), size: Number(size) }))
    .filter(({ start, size }) => isId(start) && isId(size) && size > 0 && start + size - 1 <= largestId);
}

function isId(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= largestId;
}
