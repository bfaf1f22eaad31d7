import { mkdirSync, renameSync, rmdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { chmod, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Engine, FindingCode } from '../../lib/engine/index.ts';
import type { Digest } from '../../lib/oci/index.ts';

/** A root to be damaged: with an image, a stopped container with a name and a volume, and one that runs. */
export interface Ground {
  readonly engine: Engine;
  readonly image: string;
  readonly stopped: string;
  readonly running: string;
}

/** Something that can be wrong with a root. */
export interface Damage {
  readonly name: string;
  readonly make: (ground: Ground) => unknown;
  readonly finds: readonly FindingCode[];
  /** What a person does, where a repair alone does not do. */
  readonly remedy?: (ground: Ground) => PromiseLike<unknown>;
}

const nobody = 'f'.repeat(64);
const dir = ({ engine, stopped }: Ground) => join(engine.root, 'containers', stopped);
const top = async ({ engine, image }: Ground): Promise<Digest> =>
  (await engine.images.inspect(image)).layers.at(-1)!.chainId;
const folderOf = (engine: Engine, chainId: Digest) => join(engine.root, 'layers/layers', chainId.slice(7));
const pull = ({ engine, image }: Ground) => engine.images.pull(image);

export const damages: readonly Damage[] = [
  {
    name: 'a root that others may enter',
    make: ({ engine }) => chmod(engine.root, 0o755),
    finds: ['ROOT_EXPOSED'],
  },
  {
    name: 'a directory where a lock should be',
    make: ({ engine }) => {
      rmSync(join(engine.root, 'volumes.lock'), { force: true });
      mkdirSync(join(engine.root, 'volumes.lock'));
    },
    finds: ['LOCK_INVALID'],
  },
  {
    name: 'a record that is no JSON',
    make: (ground) => writeFileSync(join(dir(ground), 'record.json'), '{"version":1,'),
    finds: ['CONTAINER_RECORD_CORRUPT'],
  },
  {
    name: "another container's record",
    make: (ground) =>
      writeFileSync(
        join(dir(ground), 'record.json'),
        JSON.stringify({ version: 1, id: nobody, name: 'x', spec: {}, image: {} }),
      ),
    finds: ['CONTAINER_RECORD_CORRUPT'],
  },
  {
    name: 'an exit status that is no JSON',
    make: (ground) => writeFileSync(join(dir(ground), 'exit.json'), 'x'),
    finds: ['CONTAINER_EXIT_CORRUPT'],
  },
  {
    name: 'a container that nobody ended',
    make: (ground) => rmSync(join(dir(ground), 'exit.json')),
    finds: ['CONTAINER_LOST'],
  },
  {
    name: 'a writable layer that is gone',
    make: (ground) => rmSync(join(dir(ground), 'upper'), { recursive: true }),
    finds: ['CONTAINER_FILES_MISSING'],
  },
  {
    name: 'a volume that is gone',
    make: ({ engine }) => rmSync(join(engine.root, 'volumes/data'), { recursive: true }),
    finds: ['CONTAINER_VOLUME_MISSING'],
  },
  {
    name: 'a volume without its files',
    make: ({ engine }) => rmSync(join(engine.root, 'volumes/data/_data'), { recursive: true }),
    finds: ['VOLUME_FILES_MISSING'],
  },
  {
    name: 'a volume whose record is no JSON',
    make: ({ engine }) => writeFileSync(join(engine.root, 'volumes/data/volume.json'), 'x'),
    finds: ['VOLUME_RECORD_CORRUPT'],
  },
  {
    name: 'volumes half made and half removed',
    make: ({ engine }) => {
      for (const name of ['.new-0123456789abcdef', '.removed-0123456789abcdef'])
        mkdirSync(join(engine.root, 'volumes', name));
    },
    finds: ['VOLUME_LEFTOVER', 'VOLUME_LEFTOVER'],
  },
  {
    name: 'a name that is not reserved any more',
    make: ({ engine }) => rmSync(join(engine.root, 'names/web')),
    finds: ['CONTAINER_NAME_MISSING'],
  },
  {
    name: 'a name of a container that is gone, and one of a container with another name',
    make: ({ engine, stopped }) => {
      symlinkSync(nobody, join(engine.root, 'names/gone'));
      symlinkSync(stopped, join(engine.root, 'names/another'));
    },
    finds: ['NAME_STALE', 'NAME_STALE'],
  },
  {
    name: 'what strake has not made',
    make: ({ engine }) => {
      for (const path of ['containers/notes.txt', 'names/file', 'volumes/note.txt~', 'run/containers/x'])
        writeFileSync(join(engine.root, path), 'mine');
    },
    finds: ['STRANGER', 'STRANGER', 'STRANGER', 'STRANGER'],
  },
  {
    name: 'containers half made and half removed, and a run directory alone',
    make: ({ engine }) => {
      const names = [`.new-${nobody}-1-1`, `.removed-${nobody}`, 'e'.repeat(64), `.record-${nobody}`];
      for (const name of names) mkdirSync(join(engine.root, 'containers', name));
      rmSync(join(engine.root, 'containers', `.record-${nobody}`), { recursive: true });
      writeFileSync(join(engine.root, 'containers', `.record-${nobody}`), '{}');
      mkdirSync(join(engine.runDir, 'containers', 'd'.repeat(64)));
    },
    finds: Array.from({ length: 5 }, () => 'CONTAINER_LEFTOVER' as const),
  },
  {
    name: 'a container that should run and does not',
    make: ({ engine, stopped }) => engine.containers.update(stopped, { restart: 'always' }),
    finds: ['CONTAINER_DOWN'],
    remedy: ({ engine, stopped }) => engine.containers.update(stopped, { restart: 'no' }),
  },
  {
    name: 'a control group of a container that has ended',
    make: ({ stopped }) => mkdirSync(`/sys/fs/cgroup/pids/strake/${stopped}`, { recursive: true }),
    finds: ['CGROUP_LEFTOVER'],
  },
  {
    name: 'a control group below another parent, of a container that is gone',
    make: async ({ engine, image }) => {
      const cgroupParent = `/strake-check-${process.pid}/below`;
      const { id } = await engine.containers.create(image, { argv: ['true'], cgroupParent });
      await engine.containers.remove(id);
      mkdirSync(`/sys/fs/cgroup/pids${cgroupParent}/${id}`, { recursive: true });
    },
    finds: ['CGROUP_LEFTOVER'],
    remedy: async () => {
      rmdirSync(`/sys/fs/cgroup/pids/strake-check-${process.pid}/below`);
      rmdirSync(`/sys/fs/cgroup/pids/strake-check-${process.pid}`);
    },
  },
  {
    name: "an image's name that is no JSON",
    make: async ({ engine }) =>
      writeFile(join(engine.root, 'images', await nameFile(engine)), '{"reference"'),
    finds: ['IMAGE_NAME_CORRUPT'],
    remedy: pull,
  },
  {
    name: 'a document that is gone',
    make: async ({ engine, image }) => rmSync(blob(engine, (await engine.images.inspect(image)).id)),
    finds: ['IMAGE_INCOMPLETE'],
  },
  {
    name: 'a document that was cut short',
    make: async ({ engine, image }) =>
      truncateSync(blob(engine, (await engine.images.inspect(image)).id), 10),
    finds: ['IMAGE_INCOMPLETE'],
  },
  {
    name: 'a layer that is gone',
    make: async (ground) => rmSync(folderOf(ground.engine, await top(ground)), { recursive: true }),
    finds: ['CONTAINER_IMAGE_MISSING', 'CONTAINER_IMAGE_MISSING', 'IMAGE_LAYER_MISSING'],
  },
  {
    name: 'a layer without its files',
    make: async (ground) =>
      rmSync(join(folderOf(ground.engine, await top(ground)), 'fs'), { recursive: true }),
    finds: ['LAYER_CORRUPT'],
  },
  {
    name: 'a layer whose record is no JSON',
    make: async (ground) =>
      writeFileSync(join(folderOf(ground.engine, await top(ground)), 'layer.json'), 'x'),
    finds: ['LAYER_CORRUPT'],
  },
  {
    name: 'a layer and a blob that nobody needs',
    make: async ({ engine }) => {
      const digest: Digest = `sha256:${'a'.repeat(64)}` as Digest;
      mkdirSync(join(folderOf(engine, digest), 'fs'), { recursive: true });
      const record = {
        chainId: digest,
        diffId: digest,
        parent: null,
        ancestors: [],
        size: 0,
        createdAt: '2026-01-01T00:00:00Z',
      };
      writeFileSync(join(folderOf(engine, digest), 'layer.json'), JSON.stringify(record));
      writeFileSync(blob(engine, digest), 'x');
    },
    finds: ['LAYER_ORPHAN', 'BLOB_ORPHAN'],
  },
  {
    name: 'what dead programs were making, and had hidden',
    make: async ({ engine, image }) => {
      for (const folder of ['leases', 'images', 'content/ingest', 'layers/ingest'])
        mkdirSync(join(engine.root, folder, '0123456789abcdef'), { recursive: true });
      const { id } = await engine.images.inspect(image);
      mkdirSync(join(engine.root, 'content/removed'), { recursive: true });
      renameSync(blob(engine, id), join(engine.root, 'content/removed', id.slice(7)));
    },
    finds: ['IMAGE_INCOMPLETE', ...Array.from({ length: 5 }, () => 'SCRATCH_LEFTOVER' as const)],
  },
  {
    name: 'a journal with a line that is no event',
    make: ({ engine }) => writeFile(join(engine.root, 'events/journal'), 'nonsense\n', { flag: 'a' }),
    finds: ['EVENTS_UNREADABLE'],
  },
];

async function nameFile(engine: Engine): Promise<string> {
  return (await readdir(join(engine.root, 'images'))).find((name) => name.endsWith('.json')) ?? '';
}

function blob(engine: Engine, digest: string): string {
  return join(engine.root, 'content/blobs/sha256', digest.slice(7));
}
