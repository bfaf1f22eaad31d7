import { type EngineError, isEngineError } from '../errors/index.ts';
import type { ContainerUse } from '../images/index.ts';
import type { Digest } from '../oci/index.ts';
import type { ContainerInfo } from './container.ts';
import type { ContainersContext } from './context.ts';
import { describe } from './inspect.ts';
import { observe } from './observe.ts';
import type { ContainerRecord, RecordedImage } from './record.ts';
import type { ContainerState } from './state.ts';
import { findOtherNames, sweepContainers, sweepLeftover } from './sweep.ts';

interface Observed {
  readonly record: ContainerRecord;
  readonly state: ContainerState;
}

/** Which containers are listed. */
export interface ListOptions {
  /** Also those that do not run. */
  all?: boolean;
  /**
   * Told of each whose record is damaged (ERR_CONTAINER_RECORD_CORRUPT, which names the file); the others are listed. Without it
   * the whole list fails: who decides by it what is in use must not be told half.
   */
  onUnreadable?: (error: EngineError) => void;
}

/** Newest first. Looking heals: what a crash left is put in order here. */
export async function listContainers(
  context: ContainersContext,
  options: ListOptions = {},
): Promise<ContainerInfo[]> {
  const observed = await observeAll(context, options.onUnreadable);
  return observed
    .filter(({ state }) => options.all || isUp(state))
    .sort((left, right) => (left.record.createdAt < right.record.createdAt ? 1 : -1))
    .map(({ record, state }) => describe(context, record, state));
}

/** The same as far as images are concerned, with those that are being made, which are looked at first: they may become such. */
export async function listUses(context: ContainersContext): Promise<ContainerUse[]> {
  const drafts = (await context.store.drafts()).map((record) => ({ record, running: false }));
  const observed = (await observeAll(context)).map(({ record, state }) => ({ record, running: isUp(state) }));
  const uses = new Map([...drafts, ...observed].map((use) => [use.record.id, use]));
  return [...uses.values()].flatMap(({ record: { id, name, image, images = [] }, running }) =>
    [image, ...images.map((mounted) => mounted.image)].flatMap((one) =>
      one.id === null ? [] : [{ id, name, ...useOf(one, one.id), running }],
    ),
  );
}

function useOf({ chainId, manifest }: RecordedImage, imageId: Digest) {
  return { imageId, chainId, blobs: [imageId, ...(manifest ? [manifest.digest] : [])] };
}

async function observeAll(
  context: ContainersContext,
  onUnreadable?: ListOptions['onUnreadable'],
): Promise<Observed[]> {
  await sweepContainers(context);
  const look = (id: string) => observeOne(context, id).catch(unreadable(onUnreadable));
  const found = await Promise.all((await context.store.ids()).map(look));
  const observed = found.filter((item) => item !== null);
  const records = observed.map(({ record }) => record);
  for (const name of await findOtherNames(context.store, records)) await sweepLeftover(context, name);
  return observed;
}

/** null: it went while we looked. */
async function observeOne(context: ContainersContext, id: string): Promise<Observed | null> {
  const record = await context.store.read(id);
  const state = record && (await observe(context, record).catch(gone));
  return record && state && { record, state };
}

/** For `.catch`: a damaged record is told of, if somebody wants to know, and passed over. */
function unreadable(tell: ListOptions['onUnreadable']): (error: unknown) => null {
  return (error) => {
    if (tell === undefined || !isEngineError(error, 'ERR_CONTAINER_RECORD_CORRUPT')) throw error;
    tell(error);
    return null;
  };
}

/** For `.catch`: what another process has removed meanwhile is not there. */
function gone(error: unknown): null {
  if (isEngineError(error, 'ERR_CONTAINER_NOT_FOUND')) return null;
  throw error;
}

function isUp(state: ContainerState): boolean {
  return state.status === 'running' || state.status === 'paused' || state.status === 'restarting';
}
