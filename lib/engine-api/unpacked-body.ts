import { PassThrough, pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { badRequest } from './refusal.ts';

/** What docker unpacks, by its first bytes. */
const refused = [
  { name: 'bzip2', magic: Buffer.from('BZh') },
  { name: 'xz', magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]) },
  { name: 'zstd', magic: Buffer.from([0x28, 0xb5, 0x2f, 0xfd]) },
] as const;

/** A tar, whether or not it came as gzip. @throws Refusal 400 for other compressions */
export async function unpackedBody(body: Readable): Promise<AsyncIterable<Uint8Array>> {
  const source = body.iterator({ destroyOnReturn: false }) as AsyncIterator<Buffer>;
  const first = await firstBytes(source);
  const format = refused.find(({ magic }) => first.subarray(0, magic.length).equals(magic));
  if (format)
    throw badRequest(`a tar that is packed with ${format.name} is not unpacked: send it bare or as gzip`);
  const all = joined(first, source);
  return first[0] === 0x1f && first[1] === 0x8b ? gunzipped(all) : all;
}

async function firstBytes(source: AsyncIterator<Buffer>): Promise<Buffer> {
  let first: Buffer = Buffer.alloc(0);
  while (first.length < 6) {
    const { value, done } = await source.next();
    if (done) break;
    first = Buffer.concat([first, value]);
  }
  return first;
}

async function* joined(first: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

function gunzipped(source: AsyncIterable<Buffer>): AsyncIterable<Uint8Array> {
  const out = new PassThrough();
  pipeline(source, createGunzip(), out, () => undefined); // its error destroys `out`, whose reader hears of it
  return out;
}
