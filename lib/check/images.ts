import { existsSync, statSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFile } from '../../bindings/files.ts';
import { BlobStore } from '../content/index.ts';
import type { ImageName, Images } from '../images/index.ts';
import type { Descriptor, Digest } from '../oci/index.ts';
import { deadScratches } from '../scratch/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import { chainOf } from './containers.ts';
import { type Problem, problem } from './finding.ts';
import { putAside } from './lost-and-found.ts';
import { needsOf, type Survey } from './survey.ts';

/** What the part of images needs. */
export interface ImagesContext {
  readonly root: string;
  readonly images: Pick<Images, 'sweep' | 'scrub'>;
  readonly snapshots: Pick<Snapshotter, 'quarantine'>;
}

/** What is wrong with names, documents and layers, as far as is to be seen without reading all bytes. */
export async function inspectImages(context: ImagesContext, survey: Survey): Promise<Problem[]> {
  const { root } = context;
  const corrupt = survey.unreadableNames.map(({ path, complaint }) =>
    problem('IMAGE_NAME_CORRUPT', path, complaint, () => putAside(root, path)),
  );
  return [
    ...corrupt,
    ...survey.names.flatMap((name) => inspectName(context, survey, name)),
    ...inspectLayers(context, survey),
    ...(await inspectScratches(context)),
    ...(corrupt.length + survey.unreadable.length === 0 ? inspectOrphans(context, survey) : []), // else: who knows
  ];
}

/** Reads every byte, which says what to fetch again. What cannot be fetched is out of use, in quarantine. */
function scrubbing({ images }: ImagesContext, digest: Digest): () => Promise<string | undefined> {
  return async () => {
    const { repairs } = await images.scrub({ repair: true });
    const repair = repairs.find((one) => one.digest === digest);
    if (repair?.failure) throw new Error(repair.failure);
    return repair?.quarantine ?? undefined;
  };
}

/** A layer is taken out of use first, whatever this process has known of it. */
function replacing(context: ImagesContext, chainId: Digest): () => Promise<string | undefined> {
  return async () => {
    const place = await context.snapshots.quarantine(chainId);
    await scrubbing(context, chainId)();
    return place;
  };
}

function inspectName(context: ImagesContext, survey: Survey, name: ImageName): Problem[] {
  const { reference, target, manifest, config, blobs, chainIds } = name;
  const store = new BlobStore(join(context.root, 'content'));
  const sizes = new Map([target, manifest, config].map(({ digest, size }: Descriptor) => [digest, size]));
  const broken = blobs.find((digest) => {
    const size = sizeOf(store.path(digest));
    return size === undefined || size !== (sizes.get(digest) ?? size);
  });
  const missing = chainIds.find((chainId) => !survey.layers.has(chainId));
  return [
    ...(broken === undefined
      ? []
      : [problem('IMAGE_INCOMPLETE', store.path(broken), `image ${reference}`, scrubbing(context, broken))]),
    ...(missing === undefined
      ? []
      : [
          problem(
            'IMAGE_LAYER_MISSING',
            join(context.root, 'layers/layers', missing.slice('sha256:'.length)),
            `image ${reference}`,
            scrubbing(context, missing),
          ),
        ]),
  ];
}

function inspectLayers(context: ImagesContext, { layers }: Survey): Problem[] {
  return [...layers.values()].flatMap(({ chainId, path, complaint, ancestors }) => {
    const missing = ancestors?.find((ancestor) => !layers.has(ancestor));
    const what = complaint ?? (missing === undefined ? null : `the layer ${missing} below it is missing`);
    return what === null ? [] : [problem('LAYER_CORRUPT', path, what, replacing(context, chainId))];
  });
}

/** What dead processes were making, and what a removal has hidden and not put back. */
async function inspectScratches({ root, images }: ImagesContext): Promise<Problem[]> {
  const sweep = async () => void (await images.sweep());
  const makers = ['leases', 'images', 'content/ingest', 'layers/ingest'].map((folder) =>
    deadScratches(join(root, folder)),
  );
  const hidden = ['content', 'layers'].map((store) => hiddenIn(join(root, store)));
  const found = (await Promise.all([...makers, ...hidden])).flat();
  return found.map((path) => problem('SCRATCH_LEFTOVER', path, 'half made, or half removed', sweep));
}

/** Whoever removes has the lock: while nobody does, nothing is hidden. */
async function hiddenIn(store: string): Promise<string[]> {
  const folder = join(store, 'removed');
  if (!existsSync(folder)) return [];
  const lock = await lockFile(join(store, 'lock'), { shared: false, wait: false });
  if (lock === null) return [];
  const names = await readdir(folder);
  lock.release();
  return names.map((name) => join(folder, name));
}

function inspectOrphans({ root, images }: ImagesContext, survey: Survey): Problem[] {
  const { names, records, held, layers, blobs } = survey;
  const needs = [...names, ...held, ...records.map(needsOf)];
  const neededLayers = new Set(
    needs.flatMap(({ chainIds }) => chainIds.flatMap((top) => chainOf(layers, top))),
  );
  const neededBlobs = new Set(needs.flatMap((need) => need.blobs));
  const store = new BlobStore(join(root, 'content'));
  const sweep = async () => void (await images.sweep());
  return [
    ...[...layers.values()]
      .filter(({ chainId, complaint }) => complaint === null && !neededLayers.has(chainId))
      .map(({ chainId, path }) => problem('LAYER_ORPHAN', path, `layer ${chainId}`, sweep)),
    ...blobs
      .filter((digest) => !neededBlobs.has(digest))
      .map((digest) => problem('BLOB_ORPHAN', store.path(digest), `blob ${digest}`, sweep)),
  ];
}

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}
