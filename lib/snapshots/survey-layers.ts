import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Digest, parseDigest } from '../oci/index.ts';
import { layerIn, type StoredLayer } from './layer-store.ts';

/** A layer that is in the store under its name, and what can be told of it without reading its bytes. */
export interface SurveyedLayer {
  readonly chainId: Digest;
  readonly path: string;
  /** The layers below, top first; null: its record cannot be read. */
  readonly ancestors: readonly Digest[] | null;
  /** What is wrong with it: its record, a file that is missing, a size that is another. null: nothing. */
  readonly complaint: string | null;
}

/** All layers below the root of a snapshotter. One that is removed meanwhile is not in it. */
export async function surveyLayers(root: string): Promise<SurveyedLayer[]> {
  const folder = join(root, 'layers');
  const names = await readdir(folder).catch(ignoreAbsent);
  const layers = (names ?? []).filter((name) => /^[0-9a-f]{64}$/.test(name));
  return await Promise.all(layers.map((name) => survey(join(folder, name), parseDigest(`sha256:${name}`))));
}

async function survey(path: string, chainId: Digest): Promise<SurveyedLayer> {
  const text = await readFile(join(path, 'layer.json'), 'utf8').catch(ignoreAbsent);
  if (text === undefined) return { chainId, path, ancestors: null, complaint: 'its record is missing' };
  const record = parse(text);
  if (record?.chainId !== chainId || !Array.isArray(record.ancestors))
    return { chainId, path, ancestors: null, complaint: 'its record is damaged' };
  return { chainId, path, ancestors: record.ancestors, complaint: await complaintOf(path, record) };
}

/** Sizes of an index and its tar are exactly those that were recorded; of a directory nobody knows without a walk. */
async function complaintOf(path: string, record: StoredLayer): Promise<string | null> {
  const layer = layerIn(path);
  if ('directory' in layer)
    return (await sizeOf(layer.directory)) === undefined
      ? 'its files (fs, or tar and index.erofs) are missing'
      : null;
  const sizes = await Promise.all([sizeOf(layer.index), sizeOf(layer.tar)]);
  const [index, tar] = sizes;
  if (index === undefined || tar === undefined)
    return `its ${index === undefined ? 'index' : 'tar'} is missing`;
  return index + tar === record.size
    ? null
    : `it has ${index + tar} bytes and was committed with ${record.size}`;
}

async function sizeOf(path: string): Promise<number | undefined> {
  return (await stat(path).catch(ignoreAbsent))?.size;
}

function parse(text: string): StoredLayer | undefined {
  try {
    return (JSON.parse(text) as StoredLayer | null) ?? undefined;
  } catch {
    return undefined;
  }
}

function ignoreAbsent(error: NodeJS.ErrnoException): undefined {
  if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
  throw error;
}
