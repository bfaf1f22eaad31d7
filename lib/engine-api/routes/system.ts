import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { type Exchange, replyJson } from '../exchange.ts';
import { readJsonBody } from '../json-body.ts';
import { Fields } from '../json-fields.ts';
import { badRequest, Refusal } from '../refusal.ts';
import { credentialsOf } from '../registry-auth.ts';
import type { ApiRoute } from '../route.ts';
import { isAtLeast } from '../version.ts';
import { containerSummary } from '../wire/container-summary.ts';
import { diskUsage, type UsageType, usageTypes } from '../wire/disk-usage.ts';
import { infoDocument } from '../wire/info.ts';
import { eventListeners, events } from './events.ts';

export const systemRoutes: readonly ApiRoute[] = [
  { method: 'GET', path: '/info', summary: 'the machine and the engine', handler: info },
  {
    method: 'GET',
    path: '/events',
    summary: 'what happens',
    note: 'an image that is untagged is named, not its id',
    handler: events,
  },
  { method: 'GET', path: '/system/df', summary: 'what takes room on the disk', handler: df },
  { method: 'POST', path: '/auth', summary: 'shows a registry a login', handler: authenticate },
];

async function info(exchange: Exchange): Promise<void> {
  const { engine, version, signal, api } = exchange;
  const document = infoDocument({
    info: await engine.system.info({ signal }),
    version: engine.system.version().version,
    minor: version.minor,
    id: idOfRoot(engine.root),
    now: new Date(),
    environment: process.env,
    files: readdirSync('/proc/self/fd').length,
    listeners: eventListeners(api),
    ipv4Forwarding: readText('/proc/sys/net/ipv4/ip_forward').trim() === '1',
  });
  replyJson(exchange, document);
}

/** The same as long as the machine and the root are. */
function idOfRoot(root: string): string {
  const hex = createHash('sha256')
    .update(`${readText('/etc/machine-id')}${root}`)
    .digest('hex');
  return hex.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return ''; // neither file need be there
  }
}

async function df(exchange: Exchange): Promise<void> {
  const { engine, query, version } = exchange;
  const types = usageTypesOf(query.all('type'));
  const usage = await engine.system.diskUsage();
  const verbose = query.flag('verbose') && isAtLeast(version, 52);
  const imageSizes = new Map<string, number>(usage.images.items.map(({ id, size }) => [id, size]));
  const containers = usage.containers.items.map((container) => {
    const image = container.imageId === null ? 0 : (imageSizes.get(container.imageId) ?? 0);
    return containerSummary(container, { written: container.size, root: container.size + image });
  });
  const volumes = types.has('volume') ? await engine.volumes.list() : [];
  replyJson(exchange, diskUsage(usage, { minor: version.minor, types, verbose, containers, volumes }));
}

function usageTypesOf(asked: readonly string[]): ReadonlySet<UsageType> {
  const unknown = asked.find((type) => !(usageTypes as readonly string[]).includes(type));
  if (unknown !== undefined) throw badRequest(`unknown object type: ${unknown.slice(0, 100)}`);
  return new Set(asked.length === 0 ? usageTypes : (asked as UsageType[]));
}

/** Nothing is kept: the client does that. */
async function authenticate(exchange: Exchange): Promise<void> {
  const config = new Fields(await readJsonBody(exchange));
  const credentials = credentialsOf(config);
  if (credentials === undefined) throw badRequest('no login credentials: username and password are required');
  const { engine, signal } = exchange;
  await engine.registries.verify(registryOf(config.text('serveraddress') ?? ''), credentials, { signal });
  replyJson(exchange, { Status: 'Login Succeeded', IdentityToken: '' });
}

/** docker's clients write Docker Hub as a URL. */
function registryOf(address: string): string {
  const host = address.replace(/^https?:\/\//, '').replace(/\/.*$/s, '');
  if (host.includes('@')) throw new Refusal(400, 'invalid serveraddress: leave out what stands before the @');
  return host === '' || host === 'index.docker.io' ? 'docker.io' : host;
}
