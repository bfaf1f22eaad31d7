/** The monitor ends entries at 16 KiB of text, at most 6 bytes each when escaped: a longer line is damage. */
const longestLine = 1 << 20;
const newline = 0x0a;

/** Lines out of chunks of any size; what is behind the last newline is kept for the next chunk. */
export class LineSplitter {
  #rest: Buffer = Buffer.alloc(0);

  *split(chunk: Buffer): Generator<string> {
    let from = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, from)) {
      const line = chunk.subarray(from, end);
      yield (this.#rest.length > 0 ? Buffer.concat([this.#rest, line]) : line).toString('utf8');
      this.#rest = Buffer.alloc(0);
      from = end + 1;
    }
    const rest = Buffer.concat([this.#rest, chunk.subarray(from)]);
    this.#rest = rest.length > longestLine ? Buffer.alloc(0) : rest;
  }
}
