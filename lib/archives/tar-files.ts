import { posix } from 'node:path';
import { indexTar, type TarMember } from '../../bindings/archive.ts';
import { isEngineError } from '../errors/index.ts';
import { type Files, invalidArchive, type StoredFile } from './files.ts';

/** Members of the largest archive that is read; a layout has one for each blob. */
const maxMembers = 100_000;

/** Links that lead to links; old docker's lead to a file. */
const maxLinks = 8;

/**
 * The files of a tar on disk: an index in memory, the bytes where they are. Docker before 25 writes a layer that two
 * images share as a link to the first, so links are followed, within the archive only.
 * @throws EngineError ERR_ARCHIVE_INVALID when it is no tar, or has a member whose name leads out of it
 */
export async function openTarFiles(path: string, name: string): Promise<Files> {
  const members = new Map<string, TarMember | 'twice'>();
  for (const member of await indexTar(path, maxMembers).catch(explain(path, name))) {
    const key = memberName(member.path, name);
    if (member.type !== 'directory' && member.type !== 'other')
      members.set(key, members.has(key) ? 'twice' : member);
  }
  return { name, find: (wanted) => find({ path, name, members }, memberName(wanted, name)) };
}

/** What arrived by stdin, or had to be unpacked, is a file of ours that means nothing to anybody. */
function explain(path: string, name: string): (cause: unknown) => never {
  return (cause) => {
    if (!isEngineError(cause, 'ERR_ARCHIVE_INVALID')) throw cause;
    throw invalidArchive(name, cause.message.replace(`${path}: `, ''), cause);
  };
}

interface Archive {
  readonly path: string;
  readonly name: string;
  readonly members: ReadonlyMap<string, TarMember | 'twice'>;
}

function find({ path, name, members }: Archive, wanted: string): StoredFile | undefined {
  let at = wanted;
  for (let links = 0; links <= maxLinks; links++) {
    const member = members.get(at);
    if (member === undefined) return undefined;
    if (member === 'twice') throw invalidArchive(name, `${JSON.stringify(at)} stands in it twice`);
    if (member.type === 'file') return { path, offset: member.offset, size: member.size };
    at = memberName(targetOf(member, at), name);
  }
  throw invalidArchive(name, `the links from ${JSON.stringify(wanted)} lead in a circle`);
}

/** A symlink is relative to its own folder, a hard link to the archive's root. */
function targetOf({ type, target }: TarMember, at: string): string {
  return type === 'symlink' && !target.startsWith('/') ? posix.join(posix.dirname(at), target) : target;
}

/** Without "./" before and slashes behind. */
function memberName(path: string, archive: string): string {
  const normal = posix.normalize(path).replace(/\/+$/, '');
  if (normal.startsWith('/') || normal === '..' || normal.startsWith('../')) {
    throw invalidArchive(archive, `the name ${JSON.stringify(path.slice(0, 200))} leads out of it`);
  }
  return normal;
}
