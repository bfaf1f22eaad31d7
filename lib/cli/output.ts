const opened = new Set<NodeJS.WriteStream>();

/** This program's stdout; what is written to it is waited for by flushed(). The first call takes half a millisecond. */
export function stdout(): NodeJS.WriteStream {
  opened.add(process.stdout);
  return process.stdout;
}

/** This program's stderr, likewise. */
export function stderr(): NodeJS.WriteStream {
  opened.add(process.stderr);
  return process.stderr;
}

/**
 * Resolves when the kernel has all that was written, or will not take it: then the stream's error says so. Files and
 * terminals have it at once; what a full pipe or socket does not take Node keeps, and process.exit() would drop it. (A
 * write() that answered true has been kept all the same, if it was smaller than the stream's high-water mark.)
 */
export async function flushed(): Promise<void> {
  await Promise.all([...opened].map(drained));
}

function drained(stream: NodeJS.WriteStream): Promise<void> | undefined {
  if (stream.writableLength === 0) return undefined;
  return new Promise((resolve) => stream.write('', () => resolve()));
}
