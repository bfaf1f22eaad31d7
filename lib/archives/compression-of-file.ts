import { EngineError } from '../errors/index.ts';
import type { Compression } from '../oci/index.ts';
import { readPlace, type StoredFile } from './files.ts';

/** How a file begins that is packed so (the formats' own documents). */
const magic: readonly (readonly [string, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
  ['bzip2', [0x42, 0x5a, 0x68]],
];

/**
 * How a file is packed, by how it begins. What begins like none of them is taken for a tar.
 * @throws EngineError ERR_ARCHIVE_COMPRESSION_UNSUPPORTED for xz and bzip2
 */
export async function compressionOfFile(file: StoredFile, name = file.path): Promise<Compression> {
  const head = await readPlace(file, Math.min(file.size, 6));
  const [found] = magic.find(([, bytes]) => bytes.every((byte, at) => head[at] === byte)) ?? ['none'];
  if (found === 'gzip' || found === 'zstd' || found === 'none') return found;
  throw new EngineError(
    'ERR_ARCHIVE_COMPRESSION_UNSUPPORTED',
    `${name} is packed by ${found}, which is not read here: unpack it first, as by \`${found} -dc FILE | strake load\``,
    { details: { archive: name, compression: found } },
  );
}
