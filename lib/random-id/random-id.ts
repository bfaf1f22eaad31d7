import { closeSync, openSync, readSync } from 'node:fs';

/** 64 random hex digits. From the kernel: loading node:crypto would cost the command line 3 ms of its start. */
export function randomId(): string {
  const bytes = Buffer.alloc(32);
  const source = openSync('/dev/urandom', 'r');
  try {
    readSync(source, bytes); // up to 256 bytes are never cut short (random(4))
  } finally {
    closeSync(source);
  }
  return bytes.toString('hex');
}
