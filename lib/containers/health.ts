import { existsSync, readFileSync } from 'node:fs';
import type { ImageProcess } from '../oci/index.ts';
import type { HealthDescription } from '../runtime/index.ts';
import { flag, integer, invalidOption, text, texts } from './option-values.ts';
import type { HealthOption } from './options.ts';
import type { RestartPolicy } from './restart-policy.ts';
import { parseSignal } from './signals.ts';
import { ignoring } from './store.ts';

/** A health check, parsed. Milliseconds; null means that the image decides, and then the default. */
export interface SpecHealth {
  readonly argv: readonly string[] | null;
  readonly interval: number | null;
  readonly timeout: number | null;
  readonly startPeriod: number | null;
  readonly startInterval: number | null;
  readonly retries: number | null;
  readonly restartOnUnhealthy: boolean;
}

/** What the health checks of a container have found, and the last five of them. */
export interface ContainerHealth {
  readonly status: 'starting' | 'healthy' | 'unhealthy';
  /** Failures in a row. */
  readonly failingStreak: number;
  /** Oldest first. `exitCode` -1: it took too long, or could not be executed. `output`: its first 4096 bytes. */
  readonly log: readonly {
    readonly start: string;
    readonly end: string;
    readonly exitCode: number;
    readonly output: string;
  }[];
}

/** `false`: none, whatever the image has; null: as the image has it. @throws EngineError ERR_CONTAINER_OPTION_INVALID */
export function parseHealth(
  option: HealthOption | false | undefined,
  restart: RestartPolicy,
): SpecHealth | false | null {
  if (option === undefined || option === false) return option ?? null;
  const restartOnUnhealthy = flag('health.restartOnUnhealthy', option.restartOnUnhealthy);
  if (restartOnUnhealthy && restart.policy === 'no')
    throw invalidOption(
      'health.restartOnUnhealthy',
      true,
      'give a restart policy, for example restart: "always"',
    );
  return {
    argv: option.test === undefined ? null : parseTest(option.test),
    interval: duration('interval', option.interval, 1),
    timeout: duration('timeout', option.timeout, 1),
    startPeriod: duration('startPeriod', option.startPeriod, 0),
    startInterval: duration('startInterval', option.startInterval, 1),
    retries: option.retries === undefined ? null : integer('health.retries', option.retries, 1, 1_000_000),
    restartOnUnhealthy,
  };
}

function parseTest(test: string | readonly string[]): string[] {
  const argv =
    typeof test === 'string' ? ['/bin/sh', '-c', text('health.test', test)] : texts('health.test', test);
  if (argv.length === 0 || argv[0] === '') throw invalidOption('health.test', test, 'give a command');
  return argv;
}

function duration(name: string, value: number | undefined, least: number): number | null {
  return value === undefined ? null : integer(`health.${name}`, value, least, 2 ** 31 - 1);
}

/** Docker's. */
const defaults = { interval: 30_000, timeout: 30_000, startPeriod: 0, startInterval: 5_000, retries: 3 };

/** What the monitor is told; null: nothing is checked. What the options leave open the image decides. */
export function healthDescription(
  health: SpecHealth | false | null,
  image: ImageProcess,
  stop: { signal: string; timeout: number },
): HealthDescription | null {
  if (health === false) return null;
  const ofImage = imageHealth(image);
  const argv = health?.argv ?? ofImage.argv;
  if (argv === null) return null;
  const chosen = <K extends keyof typeof defaults>(name: K) =>
    health?.[name] ?? ofImage[name] ?? defaults[name];
  return {
    argv,
    interval: chosen('interval'),
    timeout: chosen('timeout'),
    startPeriod: chosen('startPeriod'),
    startInterval: chosen('startInterval'),
    retries: chosen('retries'),
    ...(health?.restartOnUnhealthy && {
      ending: { signal: parseSignal(stop.signal), timeout: Math.max(0, stop.timeout) * 1000 },
    }),
  };
}

/** From Docker's HEALTHCHECK: NONE, CMD and its arguments, or CMD-SHELL and one line for the image's shell. */
function imageHealth({ healthcheck, shell }: ImageProcess): Omit<SpecHealth, 'restartOnUnhealthy'> {
  const [kind, ...words] = healthcheck?.test ?? [];
  const commands: Record<string, readonly string[]> = {
    CMD: words,
    'CMD-SHELL': [...(shell ?? ['/bin/sh', '-c']), ...words],
  };
  const argv = kind === undefined ? undefined : commands[kind];
  const milliseconds = (nanoseconds: number | undefined) =>
    nanoseconds ? Math.max(1, Math.round(nanoseconds / 1e6)) : null;
  return {
    argv: argv && words.length > 0 ? argv : null,
    interval: milliseconds(healthcheck?.interval),
    timeout: milliseconds(healthcheck?.timeout),
    startPeriod: milliseconds(healthcheck?.startPeriod),
    startInterval: milliseconds(healthcheck?.startInterval),
    retries: healthcheck?.retries || null,
  };
}

/** What the monitor last wrote; null: nothing is checked, or it has not been started. */
export function readHealth(runDir: string): ContainerHealth | null {
  if (!existsSync(`${runDir}/health.json`)) return null; // without the price of an error: who lists asks for each
  try {
    return JSON.parse(readFileSync(`${runDir}/health.json`, 'utf8')) as ContainerHealth;
  } catch (error) {
    return ignoring('ENOENT')(error);
  }
}
