/**
 * What do the functions cost that every byte, or every start, passes through?
 *
 *     npx tsx bench/functions.ts
 *
 * sha256 of 16 MiB by the addon and by node:crypto (OpenSSL), in MB/s; parsing a reference, and the seccomp part of the
 * OCI configuration, in microseconds. tinybench runs one after the other: compare within a table only.
 */
import { createHash as opensslHash, randomBytes } from 'node:crypto';
import { Bench } from 'tinybench';
import { createHash } from '../bindings/hash.ts';
import { defaultSeccompProfile } from '../lib/containers/default-seccomp.ts';
import { parseReference } from '../lib/reference/index.ts';

const block = randomBytes(16 << 20);
const profile = defaultSeccompProfile(['CAP_CHOWN', 'CAP_KILL'], 'x64');

const bench = new Bench({ time: 1000, warmupTime: 200 });
bench
  .add('sha256, 16 MiB: strake', () => {
    const hash = createHash();
    hash.update(block);
    hash.digest();
  })
  .add('sha256, 16 MiB: node:crypto', () => {
    opensslHash('sha256').update(block).digest('hex');
  })
  .add('parseReference', () => {
    parseReference('registry.example.com:5000/team/app:1.2.3');
  })
  .add('seccomp profile for a capability set', () => {
    defaultSeccompProfile(['CAP_CHOWN', 'CAP_KILL'], 'x64');
  })
  .add('seccomp profile to JSON', () => {
    JSON.stringify(profile);
  });

await bench.run();
for (const { name, result } of bench.tasks) {
  if (result.state !== 'completed') continue;
  const microseconds = result.latency.p50 * 1000;
  const rate = name.startsWith('sha256') ? `${Math.round(block.length / microseconds)} MB/s` : '';
  console.log(`${name.padEnd(40)} ${microseconds.toFixed(1).padStart(10)} µs  ${rate}`);
}
