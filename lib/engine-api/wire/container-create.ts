import type { ContainerOptions, HealthOption } from '../../containers/index.ts';
import { Fields } from '../json-fields.ts';
import { defined } from './defined.ts';
import { hostOptions } from './host-config.ts';
import { anonymousVolumes } from './mounts.ts';
import { endpointsOf, networkOptions } from './networking-config.ts';

/** What a container is made of, out of docker's document, and what of it is without effect. */
export interface ContainerRequest {
  readonly image: string;
  readonly options: ContainerOptions;
  readonly warnings: readonly string[];
}

/**
 * The body of POST /containers/create. Each field of docker's Config, HostConfig and NetworkingConfig is mapped, refused by name,
 * or (listed in `ignored`) of no meaning here.
 * @param defaultNetwork what `default` and '' are
 * @throws Refusal 400
 */
export function containerRequest(body: Fields, defaultNetwork: string): ContainerRequest {
  const host = body.object('HostConfig') ?? new Fields({}, 'HostConfig');
  const endpoints = endpointsOf(body.object('NetworkingConfig'));
  const isOff = body.flag('NetworkDisabled') === true;
  const network = networkOptions(host, endpoints, {
    defaultNetwork: isOff ? 'none' : defaultNetwork,
    mac: body.text('MacAddress'),
  });
  const own = hostOptions(host);
  const { mounts = [] } = own;
  return {
    image: body.text('Image') ?? '',
    options: defined({
      ...own,
      ...network.options,
      mounts: [...mounts, ...anonymousVolumes(body.keys('Volumes') ?? [], mounts)],
      ...processOptions(body),
      hostname: body.text('Hostname') || undefined,
      domainname: body.text('Domainname') || undefined,
      expose: body.keys('ExposedPorts'),
      labels: body.textMap('Labels'),
      stopSignal: body.text('StopSignal') || undefined,
      stopTimeout: body.integer('StopTimeout'),
      health: healthOption(body.object('Healthcheck')),
    }),
    warnings: network.warnings,
  };
}

function processOptions(
  body: Fields,
): Partial<{ [K in keyof ContainerOptions]: ContainerOptions[K] | undefined }> {
  const cmd = body.textOrTexts('Cmd') ?? [];
  return {
    argv: cmd.length > 0 ? cmd : undefined,
    entrypoint: entrypointOf(body.textOrTexts('Entrypoint'), cmd),
    env: environmentOf(body.texts('Env') ?? []),
    cwd: body.text('WorkingDir') || undefined,
    user: body.text('User') || undefined,
    tty: body.flag('Tty'),
    stdin: body.flag('OpenStdin'),
    stdinOnce: body.flag('StdinOnce') ?? false,
  };
}

/** `[""]` is the CLI's way to say none; an empty list leaves the image its own where there is no command either. */
function entrypointOf(entrypoint: string[] | undefined, cmd: readonly string[]): string[] | undefined {
  if (entrypoint === undefined || (entrypoint.length === 0 && cmd.length === 0)) return undefined;
  return entrypoint.length === 1 && entrypoint[0] === '' ? [] : entrypoint;
}

/** A name without `=` asks for a variable to be left out: docker's, and only of those that are given before it. */
export function environmentOf(entries: readonly string[]): Record<string, string> {
  const variables = new Map<string, string>();
  for (const entry of entries) {
    const at = entry.indexOf('=');
    if (at === -1) variables.delete(entry);
    else variables.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return Object.fromEntries(variables);
}

/** Times are nanoseconds; 0 is the image's, or the default. */
function healthOption(health: Fields | undefined): HealthOption | false | undefined {
  if (health === undefined) return undefined;
  const [kind, ...words] = health.textOrTexts('Test') ?? [];
  if (kind === 'NONE') return false;
  const milliseconds = (name: string) => {
    const nanoseconds = health.integer(name);
    return nanoseconds ? Math.max(1, Math.round(nanoseconds / 1e6)) : undefined;
  };
  const option = defined({
    test: kind === 'CMD-SHELL' ? words.join(' ') : kind === undefined ? undefined : words,
    interval: milliseconds('Interval'),
    timeout: milliseconds('Timeout'),
    startPeriod: milliseconds('StartPeriod'),
    startInterval: milliseconds('StartInterval'),
    retries: health.integer('Retries') || undefined,
  });
  return Object.keys(option).length > 0 ? option : undefined;
}
