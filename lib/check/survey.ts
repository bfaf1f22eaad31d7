import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ContainerRecord, type ContainerStore, parseRecord } from '../containers/index.ts';
import { BlobStore, Leases, type Needs } from '../content/index.ts';
import { type ImageName, NameStore } from '../images/index.ts';
import { type Digest, isDigest } from '../oci/index.ts';
import { type SurveyedLayer, surveyLayers } from '../snapshots/index.ts';

/** A record that cannot be read. */
export interface UnreadableRecord {
  readonly id: string;
  readonly complaint: string;
}

/** What is written below a root, read at one time: everything that refers to something else, or is referred to. */
export interface Survey {
  readonly records: readonly ContainerRecord[];
  readonly unreadable: readonly UnreadableRecord[];
  readonly names: readonly ImageName[];
  readonly unreadableNames: readonly { readonly path: string; readonly complaint: string }[];
  readonly layers: ReadonlyMap<Digest, SurveyedLayer>;
  readonly blobs: readonly Digest[];
  /** What living processes hold, and what the containers need that they make. */
  readonly held: readonly Needs[];
}

/** Who needs something is read before what there is: what is made meanwhile is not yet needed. */
export async function takeSurvey(root: string, store: ContainerStore): Promise<Survey> {
  const drafts = await store.drafts().catch(() => []);
  const [leases, names, records] = await Promise.all([
    new Leases(join(root, 'leases')).list(),
    new NameStore(join(root, 'images')).survey(),
    readRecords(store),
  ]);
  const [layers, blobs] = await Promise.all([
    surveyLayers(join(root, 'layers')),
    new BlobStore(join(root, 'content')).list(),
  ]);
  return {
    ...records,
    names: names.flatMap((surveyed) => ('name' in surveyed ? [surveyed.name] : [])),
    unreadableNames: names.flatMap((surveyed) => ('name' in surveyed ? [] : [surveyed])),
    layers: new Map(layers.map((layer) => [layer.chainId, layer])),
    blobs,
    held: [...leases, ...drafts.map(needsOf)],
  };
}

/** What a container needs of the store of images, but for the layers below its topmost. */
export function needsOf({ image }: ContainerRecord): Needs {
  const { id, manifest, chainId } = image;
  return {
    blobs: [id, manifest?.digest].filter((digest): digest is Digest => isDigest(digest)),
    chainIds: chainId === null ? [] : [chainId],
  };
}

async function readRecords(store: ContainerStore): Promise<Pick<Survey, 'records' | 'unreadable'>> {
  const records: ContainerRecord[] = [];
  const unreadable: UnreadableRecord[] = [];
  for (const id of await store.ids()) {
    const { record: path } = store.paths(id);
    try {
      const json = await readFile(path, 'utf8');
      if (/^\0*$/.test(json)) continue; // no container: a leftover
      const record = parseRecord(json, path);
      if (record.id === id) records.push(record);
      else unreadable.push({ id, complaint: `${path} is the record of another container, ${record.id}` });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        unreadable.push({ id, complaint: (error as Error).message });
    }
  }
  return { records, unreadable };
}
