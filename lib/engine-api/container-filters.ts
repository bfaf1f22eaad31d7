import type { ContainerInfo } from '../containers/index.ts';
import { type Filters, matchesLabels, parseFilters } from './filters.ts';
import type { Query } from './query.ts';
import { badRequest } from './refusal.ts';

type Test = (info: ContainerInfo, value: string, all: readonly ContainerInfo[]) => boolean;

const tests: Readonly<Record<string, Test>> = {
  id: ({ id }, value) => id.startsWith(value),
  name: ({ name }, value) => matchesName(name, value),
  status: ({ state }, value) => state.status === value,
  exited: ({ state }, value) => state.status === 'exited' && state.exitCode === Number(value),
  ancestor: ({ image, imageId }, value) => isOfImage(image, imageId, value),
  health: ({ health }, value) => (health?.status ?? 'none') === value,
  network: ({ networks, network }, value) =>
    network === value ||
    Object.entries(networks).some(([name, connected]) => name === value || connected?.id.startsWith(value)),
  volume: ({ mounts }, value) => mounts.some(({ name, target }) => name === value || target === value),
  expose: ({ exposedPorts, publishes }, value) =>
    inPortRange(value, [...exposedPorts, ...publishes.map(portText)]),
  publish: ({ publishes, ports }, value) => inPortRange(value, [...publishes, ...ports].map(portText)),
  before: ({ createdAt }, value, all) => createdAt < createdAtOf(value, all),
  since: ({ createdAt }, value, all) => createdAt > createdAtOf(value, all),
  'is-task': (_info, value) => ['0', 'false'].includes(value),
  isolation: () => true,
};

const statuses = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];

/** @throws Refusal 400 */
export function parseContainerFilters(query: Query): Filters {
  const filters = parseFilters(query, [...Object.keys(tests), 'label', 'label!']);
  const wrong = filters.get('status')?.find((status) => !statuses.includes(status));
  if (wrong !== undefined) throw badRequest(`invalid filter 'status=${wrong.slice(0, 100)}'`);
  return filters;
}

/** Whether a container is one of those asked for, of `all`. @throws Refusal 404 where `before` or `since` names none */
export function matchesContainer(
  info: ContainerInfo,
  filters: Filters,
  all: readonly ContainerInfo[],
): boolean {
  if (!matchesLabels(info.labels, filters)) return false;
  return [...filters].every(([name, values]) => {
    const test = tests[name];
    return test === undefined || values.some((value) => test(info, value, all));
  });
}

/** A part of it, or a regular expression as far as clients write one: `^/name$`. */
function matchesName(name: string, value: string): boolean {
  const text = value.replace(/^\^/, '').replace(/\$$/, '').replace(/^\//, '');
  const [fromStart, toEnd] = [/^\^/.test(value), value.endsWith('$')];
  if (fromStart && toEnd) return name === text;
  if (fromStart) return name.startsWith(text);
  return toEnd ? name.endsWith(text) : name.includes(text);
}

function isOfImage(image: string, imageId: string | null, value: string): boolean {
  const short = image.replace(/^docker\.io\/(library\/)?/, '');
  const withTag = (name: string) => (/:[^/]+$/.test(name) ? name : `${name}:latest`);
  const isId = imageId !== null && (imageId === value || imageId.slice('sha256:'.length).startsWith(value));
  return [image, short].some((name) => name === value || withTag(name) === withTag(value)) || isId;
}

function portText({ containerPort, protocol }: { containerPort: number; protocol: string }): string {
  return `${containerPort}/${protocol}`;
}

/** `80`, `80/tcp`, `8000-8010/udp` */
function inPortRange(value: string, ports: readonly string[]): boolean {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/.exec(value);
  if (match === null) throw badRequest(`invalid port filter: ${value.slice(0, 100)}`);
  const [, first, last = first, protocol = 'tcp'] = match;
  return ports.some((port) => {
    const [number, own] = port.split('/');
    return own === protocol && Number(number) >= Number(first) && Number(number) <= Number(last);
  });
}

function createdAtOf(value: string, all: readonly ContainerInfo[]): string {
  const found = all.find(({ id, name }) => name === value.replace(/^\//, '') || id.startsWith(value));
  if (found) return found.createdAt;
  throw badRequest(`No such container: ${value.slice(0, 100)}`);
}
