import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { contentDigestOf } from '../content-digest.ts';

/** A file of the page, as it is sent. */
export interface PageFile {
  readonly type: string;
  readonly etag: string;
  readonly bytes: Buffer;
  /** Packed when the page was built. */
  readonly brotli?: Buffer;
  readonly gzip?: Buffer;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
};

/** Where script/build-web leaves the page: `dist/web` of this package. */
export function builtPage(): string {
  return join(packageRoot(dirname(fileURLToPath(import.meta.url))), 'dist/web');
}

/** All files of a folder by their paths (`assets/index-abc.js`), kept in memory: some hundred KiB. Undefined: no such folder. */
export async function readPageFiles(folder: string): Promise<ReadonlyMap<string, PageFile> | undefined> {
  const names = await readdir(folder, { recursive: true }).catch(() => undefined);
  if (names === undefined) return undefined;
  const shown = names.filter((name) => types[extname(name)] !== undefined);
  return new Map(
    await Promise.all(shown.map(async (name) => [name, await readPageFile(folder, name)] as const)),
  );
}

async function readPageFile(folder: string, name: string): Promise<PageFile> {
  const [bytes, brotli, gzip] = await Promise.all(
    ['', '.br', '.gz'].map((suffix) => readFile(join(folder, name + suffix)).catch(() => undefined)),
  );
  const found = bytes ?? Buffer.alloc(0);
  return {
    type: types[extname(name)] ?? 'application/octet-stream',
    etag: `"${contentDigestOf(found).slice(7, 39)}"`,
    bytes: found,
    ...(brotli && { brotli }),
    ...(gzip && { gzip }),
  };
}

function packageRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : packageRoot(dirname(folder));
}
