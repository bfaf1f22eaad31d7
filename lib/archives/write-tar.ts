/** A member of an archive that is written: a folder when its path ends in a slash. */
export interface ArchiveMember {
  /** ASCII, at most 100 characters. */
  readonly path: string;
  /** Bytes of `body`, exactly. */
  readonly size: number;
  readonly body: () => AsyncIterable<Uint8Array>;
}

const blockSize = 512;

/** The largest size that fits the header in octal. */
const largestOctal = 0o77777777777;

/**
 * A tar of members, in their order: every header with owner 0, mode 0644 (folders 0755) and the time 0, so that the same
 * members make the same bytes. Small pieces are put together. @throws what a body throws, and when one has another size
 */
export async function* writeTar(
  members: Iterable<ArchiveMember> | AsyncIterable<ArchiveMember>,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const { path, size, body } of members) {
    yield tarHeader(path, size);
    let written = 0;
    for await (const piece of body()) {
      written += piece.length;
      yield piece;
    }
    if (written !== size) throw new RangeError(`${path} has ${written} bytes instead of ${size}`);
    const padding = (blockSize - (size % blockSize)) % blockSize;
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield Buffer.alloc(2 * blockSize);
}

/** A folder's member. */
export function folderMember(path: string): ArchiveMember {
  return { path, size: 0, body: nothing };
}

/** A document's member. */
export function documentMember(path: string, bytes: Uint8Array): ArchiveMember {
  return {
    path,
    size: bytes.length,
    body: async function* () {
      yield bytes;
    },
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** ustar (POSIX.1-1988); a size past 8 GiB in GNU's base 256, which every reader of today knows. */
function tarHeader(path: string, size: number): Buffer {
  if (!/^[\x20-\x7e]{1,100}$/.test(path)) throw new RangeError(`${path} is no name for a member`);
  const header = Buffer.alloc(blockSize);
  const isFolder = path.endsWith('/');
  header.write(path, 0);
  header.write(isFolder ? '0000755' : '0000644', 100);
  header.write('0000000\x000000000', 108);
  if (size <= largestOctal) header.write(size.toString(8).padStart(11, '0'), 124);
  else writeBase256(header, size);
  header.write('00000000000', 136);
  header.write(' '.repeat(8), 148);
  header.write(isFolder ? '5' : '0', 156);
  header.write('ustar\u000000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return header;
}

function writeBase256(header: Buffer, size: number): void {
  header[124] = 0x80;
  header.writeBigUInt64BE(BigInt(size), 128);
}
