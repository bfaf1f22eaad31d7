import { constants } from 'node:os';
import { invalidOption } from './option-values.ts';

const numbers = constants.signals as Readonly<Record<string, number>>;
const realTimeFirst = 34;
const realTimeLast = 64;

/** "SIGTERM", "term", "15", 15, "RTMIN+3" or "SIGRTMAX-1" as a number. */
export function parseSignal(value: string | number): number {
  const name = String(value).toUpperCase().replace(/^SIG/, '');
  const found = /^\d+$/.test(name) ? Number(name) : (numbers[`SIG${name}`] ?? realTimeSignal(name));
  if (found !== undefined && found >= 1 && found <= realTimeLast) return found;
  throw invalidOption('signal', value, 'name one such as SIGTERM, HUP or 9 (`kill -l` lists them)');
}

/** The name of a signal's number: 15 is "SIGTERM". */
export function signalName(number: number): string {
  const found = Object.entries(numbers).find(([, value]) => value === number);
  if (found) return found[0];
  return number === realTimeFirst ? 'SIGRTMIN' : `SIGRTMIN+${number - realTimeFirst}`;
}

function realTimeSignal(name: string): number | undefined {
  const match = /^RT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  if (!match) return undefined;
  const base = match[1] === 'MIN' ? realTimeFirst : realTimeLast;
  const number = base + (match[2] === '-' ? -1 : 1) * Number(match[3] ?? 0);
  return number >= realTimeFirst ? number : undefined;
}
