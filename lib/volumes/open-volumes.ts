import { EngineError } from '../errors/index.ts';
import { parseDriverOptions } from './driver-options.ts';
import { parseLabels } from './labels.ts';
import { matches } from './volume-filters.ts';
import { parseVolumeName } from './volume-name.ts';
import type { VolumeStore, VolumeUses } from './volume-store.ts';
import type { PrunedVolumes, PruneVolumesOptions, VolumeInfo, Volumes } from './volumes.ts';

/** What the verbs of this room need; the engine wires it. */
export interface VolumesContext {
  readonly store: VolumeStore;
  /** Puts in order what crashes left of containers: one whose program died has no volume any more. */
  readonly heal: () => Promise<unknown>;
  /** By records alone. */
  readonly findUses: () => Promise<VolumeUses>;
  readonly events: { emit(event: { type: 'volume'; action: string; id: string }): void };
}

/** The verbs of this room as one object. */
export function openVolumes(context: VolumesContext): Volumes {
  const { store, heal, findUses, events } = context;
  const inspect = async (name: string) => {
    await heal();
    const info = await describe(context, name, await findUses());
    if (info === null) throw notFound(name);
    return info;
  };
  return {
    inspect,
    create: async (asked, options = {}) => {
      const anonymous = asked === undefined || asked === '';
      const name = anonymous ? store.anonymousName() : parseVolumeName(asked);
      const labels = parseLabels(options.labels ?? {});
      const driverOptions = parseDriverOptions(options.driverOptions ?? {});
      const record = { labels, anonymous, ...(driverOptions && { driverOptions }) };
      const isNew = await store.ensure(name, { ...record, durable: true });
      if (isNew) events.emit({ type: 'volume', action: 'create', id: name });
      return await inspect(name);
    },
    list: async ({ filters = {} } = {}) => (await listAll(context)).filter((info) => matches(info, filters)),
    remove: (name, { force = false } = {}) => removeVolume(context, name, force),
    prune: (options) => pruneVolumes(context, options),
  };
}

async function listAll(context: VolumesContext): Promise<VolumeInfo[]> {
  await context.heal();
  await context.store.sweep();
  const uses = await context.findUses();
  const names = await context.store.list();
  const infos = await Promise.all(names.map((name) => describe(context, name, uses)));
  return infos.filter((info) => info !== null);
}

/** null: it is not there. */
async function describe(
  { store }: VolumesContext,
  name: string,
  uses: VolumeUses,
): Promise<VolumeInfo | null> {
  const record = await store.read(name);
  if (record === null) return null;
  const { labels, createdAt, anonymous, driverOptions = null } = record;
  const mountpoint = store.path(name);
  const containers = uses.get(name) ?? [];
  return { name, labels, createdAt, anonymous, driverOptions, mountpoint, containers };
}

async function removeVolume(context: VolumesContext, name: string, force: boolean): Promise<void> {
  if ((await context.store.read(name)) === null) {
    if (force) return;
    throw notFound(name);
  }
  await context.heal();
  const { removed, uses } = await context.store.removeUnused([name], context.findUses);
  const holders = uses.get(name);
  if (holders !== undefined) throw inUse(name, holders);
  for (const id of removed) context.events.emit({ type: 'volume', action: 'destroy', id });
  if (removed.length === 0 && !force) throw notFound(name); // somebody else was first
}

async function pruneVolumes(
  context: VolumesContext,
  { filters = {}, all = false }: PruneVolumesOptions = {},
): Promise<PrunedVolumes> {
  const { store, findUses, events } = context;
  const { label, notLabel } = filters;
  const wanted = { dangling: true, ...(label && { label }), ...(notLabel && { notLabel }) };
  const unused = (await listAll(context)).filter((info) => (all || info.anonymous) && matches(info, wanted));
  const sizes = new Map<string, number>();
  for (const { name } of unused) sizes.set(name, await store.size(name));
  const { removed } = await store.removeUnused([...sizes.keys()], findUses);
  for (const id of removed) events.emit({ type: 'volume', action: 'destroy', id });
  return { removed, bytes: removed.reduce((bytes, name) => bytes + (sizes.get(name) ?? 0), 0) };
}

function notFound(name: string): EngineError {
  const shown = JSON.stringify(String(name).slice(0, 200)).slice(1, -1);
  return new EngineError(
    'ERR_VOLUME_NOT_FOUND',
    `there is no volume ${shown || '""'}: \`strake volume ls\` lists those that are`,
    { details: { volume: name } },
  );
}

function inUse(name: string, containers: readonly { id: string; name: string }[]): EngineError {
  const names = containers.map((container) => container.name);
  const shown = names.length > 5 ? [...names.slice(0, 5), `${names.length - 5} more`] : names;
  return new EngineError(
    'ERR_VOLUME_IN_USE',
    `cannot remove volume ${name}: it is in use by ${shown.join(', ')}; remove those containers first`,
    { details: { volume: name, containers } },
  );
}
