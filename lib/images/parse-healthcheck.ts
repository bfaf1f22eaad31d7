import type { Healthcheck } from '../oci/index.ts';

type Fail = (complaint: string) => Error;

/** Nanoseconds. */
const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
};

type Times = { -readonly [Key in Exclude<keyof Healthcheck, 'test'>]?: number };

const flags: Readonly<Record<string, keyof Times>> = {
  interval: 'interval',
  timeout: 'timeout',
  'start-period': 'startPeriod',
  'start-interval': 'startInterval',
  retries: 'retries',
};

/**
 * What follows HEALTHCHECK in a Dockerfile: `NONE`, or `--interval=30s … CMD command`. `command` reads a JSON list, if
 * it is one. @throws what `fail` makes
 */
export function parseHealthcheck(
  text: string,
  {
    command,
    fail,
    shell,
  }: {
    readonly command: (rest: string) => string[] | undefined;
    readonly fail: Fail;
    readonly shell: readonly string[];
  },
): Healthcheck {
  const options: Times = {};
  let rest = text;
  for (let flag = /^--(\S+)\s*/.exec(rest); flag !== null; flag = /^--(\S+)\s*/.exec(rest)) {
    Object.assign(options, parseFlag(flag[1] ?? '', fail));
    rest = rest.slice(flag[0].length);
  }
  const [, kind = '', line = ''] = /^(\S*)\s*(.*)$/s.exec(rest) ?? [];
  if (kind.toUpperCase() === 'NONE' && line === '') return { test: ['NONE'] };
  if (kind.toUpperCase() !== 'CMD' || line === '') throw fail('write NONE, or CMD and a command');
  return { test: testOf(command(line), line, shell), ...options };
}

/** `CMD-SHELL` stands for /bin/sh -c; another shell has to be written out. */
function testOf(argv: string[] | undefined, line: string, shell: readonly string[]): string[] {
  if (argv !== undefined) return ['CMD', ...argv];
  return shell.join(' ') === '/bin/sh -c' ? ['CMD-SHELL', line] : ['CMD', ...shell, line];
}

function parseFlag(text: string, fail: Fail): Times {
  const [name = '', value = ''] = text.split('=', 2);
  const key = Object.hasOwn(flags, name) ? flags[name] : undefined;
  if (key === undefined) throw fail(`unknown option --${name}: known are ${Object.keys(flags).join(', ')}`);
  if (key !== 'retries') return { [key]: parseDuration(value, fail) };
  if (!/^[1-9]\d{0,8}$/.test(value)) throw fail(`--retries takes a whole number from 1, not ${value}`);
  return { retries: Number(value) };
}

/** Go's durations, `1m30s`, as nanoseconds. */
function parseDuration(text: string, fail: Fail): number {
  const parts = [...text.matchAll(/(\d{1,12}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text)
    throw fail(`${JSON.stringify(text)} is no duration: write 30s or 1m30s`);
  const total = parts.reduce((sum, [, number, unit = '']) => sum + Number(number) * (units[unit] ?? 0), 0);
  if (total !== 0 && total < 1e6) throw fail(`${text} is less than a millisecond`);
  return Math.round(total);
}
