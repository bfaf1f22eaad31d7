import { EngineError } from '../errors/index.ts';
import type { DriverOptions } from './driver-options.ts';

/** What is kept of a volume beside its files: ROOT/volumes/NAME/volume.json. */
export interface VolumeRecord {
  readonly version: 1;
  readonly labels: Readonly<Record<string, string>>;
  /** RFC 3339 */
  readonly createdAt: string;
  /** Made without a name: a prune takes it when nothing uses it. */
  readonly anonymous: boolean;
  /** What is mounted instead of the volume's own directory. */
  readonly driverOptions?: DriverOptions;
}

/**
 * Reads what a file of ours holds. null: nothing, which is what a power loss may leave of one that was written without a
 * sync. @throws EngineError ERR_SYSTEM when it is not ours any more
 */
export function parseVolumeRecord(json: string, path: string): VolumeRecord | null {
  if (/^\0*$/.test(json)) return null;
  const record = parseJson(json);
  if (record?.version === 1 && record.labels && record.createdAt) return record as VolumeRecord;
  throw new EngineError(
    'ERR_SYSTEM',
    `${path} is no volume record of this version: delete the file (the volume's labels go with it, its files stay), or ` +
      'use the version that wrote it',
    { details: { path } },
  );
}

function parseJson(json: string): Partial<VolumeRecord> | undefined {
  try {
    return JSON.parse(json) ?? undefined;
  } catch {
    return undefined;
  }
}
