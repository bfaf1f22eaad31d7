import { chmodSync, existsSync, lstatSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEvent } from '../events/index.ts';
import { type Problem, problem } from './finding.ts';
import { putAside } from './lost-and-found.ts';

/** Who may enter the directories, and whether what is to be locked is a file. */
export function inspectPlaces(root: string, runDir: string): Problem[] {
  return [
    ...[root, runDir].flatMap((path) => exposed(path)),
    ...locks.flatMap((name) => invalidLock(root, join(root, name))),
  ];
}

const locks = ['volumes.lock', 'networks.lock', 'names/.lock', 'layers/lock', 'content/lock'];

function exposed(path: string): Problem[] {
  const mode = lstatSync(path).mode & 0o777;
  if ((mode & 0o077) === 0) return [];
  const close = async () => {
    chmodSync(path, mode & 0o700);
    return undefined;
  };
  return [problem('ROOT_EXPOSED', path, `its mode is ${mode.toString(8)}`, close)];
}

function invalidLock(root: string, path: string): Problem[] {
  const info = lstatSync(path, { throwIfNoEntry: false });
  if (info === undefined || info.isFile()) return [];
  return [problem('LOCK_INVALID', path, 'a lock', () => putAside(root, path))];
}

/** What the journal says, and whom it mentions. */
export interface ReadJournal {
  readonly problems: readonly Problem[];
  /** Ids of containers. */
  readonly mentioned: ReadonlySet<string>;
}

/** Reads the journal and its predecessor, at most a few MiB. A last line may still be on its way. */
export async function inspectJournal(root: string): Promise<ReadJournal> {
  const read = await Promise.all(
    ['journal', 'journal.1'].map((name) => readJournal(root, join(root, 'events', name))),
  );
  return {
    problems: read.flatMap(({ problems }) => problems),
    mentioned: new Set(read.flatMap(({ mentioned }) => [...mentioned])),
  };
}

async function readJournal(root: string, path: string): Promise<ReadJournal> {
  const mentioned = new Set<string>();
  if (!existsSync(path)) return { problems: [], mentioned };
  const broken = (what: string) => [problem('EVENTS_UNREADABLE', path, what, () => putAside(root, path))];
  try {
    const lines = (await readFile(path, 'utf8')).split('\n');
    let bad = 0;
    for (const line of lines.slice(0, -1)) {
      const event = parseEvent(line);
      if (event === null) bad += 1;
      else if (event.type === 'container') mentioned.add(event.id);
    }
    return { problems: bad === 0 ? [] : broken(`${bad} of its lines are no events`), mentioned };
  } catch (error) {
    return { problems: broken((error as Error).message), mentioned };
  }
}

/** The unit that `system install-unit` has written for this root, if it has. */
export function inspectUnit(root: string, unit: string): Problem[] {
  const text = existsSync(unit) ? readFileSync(unit, 'utf8') : '';
  const command = /^ExecStart=(.*)$/m.exec(text)?.[1] ?? '';
  const words = [...command.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, word = '']) => unquoted(word));
  const [node, program] = words;
  if (node === undefined || program === undefined || words[words.indexOf('--root') + 1] !== root) return [];
  const missing = [node, program].find((path) => !existsSync(path));
  return missing === undefined
    ? []
    : [problem('UNIT_BROKEN', unit, `it executes ${missing}, which is not there`)];
}

/** The reverse of what install-unit does (systemd.service(5), "Command lines"). */
function unquoted(word: string): string {
  return word.replaceAll('$$', '$').replaceAll('%%', '%').replace(/\\(.)/g, '$1');
}
