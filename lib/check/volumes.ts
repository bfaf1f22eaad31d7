import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lockFile } from '../../bindings/files.ts';
import { isVolumeName, type VolumeStore } from '../volumes/index.ts';
import { type Problem, problem } from './finding.ts';
import { putAside } from './lost-and-found.ts';

/** What is wrong with volumes. */
export async function inspectVolumes(root: string, store: VolumeStore): Promise<Problem[]> {
  const entries = await readdir(join(root, 'volumes')).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  const dead = await deadEntries(root, entries);
  const found = entries.map(async (entry) => {
    const path = join(root, 'volumes', entry);
    if (isVolumeName(entry)) return await inspectVolume(root, store, entry);
    if (!/^\.(new|removed)-/.test(entry))
      return [problem('STRANGER', path, 'this is no volume', () => putAside(root, path))];
    const sweep = async () => void (await store.sweep());
    return dead.includes(entry)
      ? [problem('VOLUME_LEFTOVER', path, 'half made, or half removed', sweep)]
      : [];
  });
  return (await Promise.all(found)).flat();
}

async function inspectVolume(root: string, store: VolumeStore, name: string): Promise<Problem[]> {
  const record = join(store.directory(name), 'volume.json');
  const unreadable = await store.read(name).then(
    () => null,
    (error: Error) => error.message,
  );
  if (unreadable !== null)
    return [
      problem('VOLUME_RECORD_CORRUPT', record, `volume ${name}: ${unreadable}`, () => putAside(root, record)),
    ];
  if (existsSync(store.path(name)) || !existsSync(store.directory(name))) return [];
  const make = async () => {
    await mkdir(store.path(name), { recursive: true });
    await chmod(store.path(name), 0o755);
    return undefined;
  };
  return [problem('VOLUME_FILES_MISSING', store.path(name), `volume ${name}`, make)];
}

/** While nobody makes one, what is in the making is a dead process's. A removal may be going on: it is looked for twice. */
async function deadEntries(root: string, entries: readonly string[]): Promise<string[]> {
  const candidates = entries.filter((entry) => entry.startsWith('.'));
  if (candidates.length === 0) return [];
  const lock = await lockFile(join(root, 'volumes.lock'), { shared: false, wait: false });
  if (lock === null) return [];
  lock.release();
  return candidates;
}
