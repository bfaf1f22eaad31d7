import { readFile, stat } from 'node:fs/promises';
import { EngineError } from '../../errors/index.ts';
import { isKnownHash } from './password.ts';

/**
 * A file of `name:hash` lines, as htpasswd(1) writes it, with bcrypt (`-B`) or argon2 hashes; read again when it changes.
 */
export class HtpasswdFile {
  readonly #path: string;
  #version = '';
  #hashes = new Map<string, string>();

  constructor(path: string) {
    this.#path = path;
  }

  /** A user's hash. ERR_ACCOUNT_INVALID: the file, and which line of it; then nobody in it is known. */
  async hashOf(user: string): Promise<string | undefined> {
    return (await this.#read()).get(user);
  }

  /** Somebody's: to compute as much for a name that there is not. */
  async anyHash(): Promise<string | undefined> {
    return (await this.#read()).values().next().value;
  }

  async #read(): Promise<ReadonlyMap<string, string>> {
    const { mtimeMs, size, ino } = await stat(this.#path).catch((error) => {
      throw unreadable(this.#path, error);
    });
    const version = `${mtimeMs} ${size} ${ino}`;
    if (version !== this.#version) {
      this.#hashes = parse(this.#path, await readFile(this.#path, 'utf8'));
      this.#version = version;
    }
    return this.#hashes;
  }
}

function parse(path: string, text: string): Map<string, string> {
  const hashes = new Map<string, string>();
  for (const [at, line] of text.split('\n').entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#')) continue;
    const colon = trimmed.indexOf(':');
    const hash = trimmed.slice(colon + 1);
    if (colon < 1 || !isKnownHash(hash)) throw invalid(path, at + 1);
    hashes.set(trimmed.slice(0, colon), hash);
  }
  return hashes;
}

function invalid(path: string, line: number): EngineError {
  return new EngineError(
    'ERR_ACCOUNT_INVALID',
    `${path}, line ${line}: not name:hash with a hash of bcrypt or argon2; make it with htpasswd -B`,
    { details: { path, line } },
  );
}

function unreadable(path: string, cause: Error): EngineError {
  return new EngineError('ERR_ACCOUNT_INVALID', `cannot read ${path}: ${cause.message}`, { cause });
}
