import { lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { EngineError } from '../errors/index.ts';

/** What the files below a root look like. A program of another version must not touch them. */
const layoutVersion = '1';
const defaultRoot = '/var/lib/strake';
const defaultRunDir = '/run/strake';

/** The directories of one engine, by their real paths. */
export interface Root {
  readonly root: string;
  readonly runDir: string;
}

/**
 * Finds or makes the directories that an engine works in: readable by nobody else, of this layout. Cheap: a few system
 * calls, synchronous since each takes microseconds, and nothing is scanned.
 * @throws EngineError ERR_ROOT_INVALID when the directory cannot be used
 */
export function openRoot(options: { root?: string; runDir?: string }, environment: NodeJS.ProcessEnv): Root {
  const usual = defaultDirectories(environment);
  const asked = options.root ?? (environment.STRAKE_ROOT || usual.root);
  const root = requireDirectory(asked);
  requireLayout(root);
  const runDir = requireDirectory(options.runDir ?? runDirectoryOf(asked, root, usual));
  return { root, runDir };
}

/** Where the run files of a root are, however it is written (`asked`) and wherever it is (`root`): there is one only. */
export function runDirectoryOf(asked: string, root: string, usual: Root = defaultDirectories({})): string {
  return resolve(asked) === usual.root || root === usual.root ? usual.runDir : `${root}/run`;
}

/**
 * Root's are the machine's. Another user has his own, by the XDG base directory specification; without an
 * XDG_RUNTIME_DIR (no login session: su, cron) run files are below the root, since /tmp would be everybody's.
 */
function defaultDirectories(environment: NodeJS.ProcessEnv): Root {
  if (ownUid() === 0) return { root: defaultRoot, runDir: defaultRunDir };
  const { XDG_DATA_HOME: data, XDG_RUNTIME_DIR: run } = environment;
  const root = `${data?.startsWith('/') ? data : `${homedir()}/.local/share`}/strake`;
  return { root, runDir: run?.startsWith('/') ? `${run}/strake` : `${root}/run` };
}

function ownUid(): number {
  return process.geteuid?.() ?? 0;
}

function requireDirectory(path: string): string {
  if (!isAbsolute(path)) throw invalid(path, 'it must be an absolute path');
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
    const real = realpathSync(path);
    const { uid } = lstatSync(real);
    if (uid !== ownUid())
      throw invalid(
        path,
        `it belongs to user ${uid}, who could replace its files: it must belong to ${ownName()}`,
      );
    return real;
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw invalid(
      path,
      `it cannot be made or used (${(error as Error).message}): choose a writable directory`,
      error,
    );
  }
}

function ownName(): string {
  return ownUid() === 0 ? 'root' : `user ${ownUid()}; give --root, or unset STRAKE_ROOT`;
}

function requireLayout(root: string): void {
  const file = `${root}/version`;
  const found = readVersion(file) ?? markEmptyRoot(root, file);
  if (found === layoutVersion) return;
  throw invalid(
    root,
    `it has layout ${found.slice(0, 20)}, and this strake knows ${layoutVersion}: use the version that made it, or another root`,
  );
}

function readVersion(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw invalid(file, `it cannot be read (${(error as Error).message})`, error);
  }
}

/** What is not ours is not taken over, be it by a slip of the keyboard. Another process may do the same meanwhile. */
function markEmptyRoot(root: string, file: string): string {
  const strangers = readdirSync(root).filter((entry) => !['version', 'run', 'lost+found'].includes(entry));
  if (strangers.length > 0 && readVersion(file) === undefined) {
    throw invalid(
      root,
      `it is not empty (${strangers.slice(0, 3).join(', ')}) and was not made by strake: choose an empty directory`,
    );
  }
  try {
    writeFileSync(file, `${layoutVersion}\n`, { mode: 0o600 });
  } catch (error) {
    throw invalid(root, `it is not writable (${(error as Error).message}): choose another root`, error);
  }
  return layoutVersion;
}

function invalid(root: string, remedy: string, cause?: unknown): EngineError {
  return new EngineError('ERR_ROOT_INVALID', `cannot use ${root}: ${remedy}`, { cause, details: { root } });
}
