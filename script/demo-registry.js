// The demo's registry: one on loopback, seeded with an image of this machine's own files, from which that is pulled by
// name and run. No other registry is asked. Run by script/demo, after the build.
import { execFileSync, spawn } from 'node:child_process';
import { join } from 'node:path';
import { openEngine } from 'strake';
import { openRegistry } from 'strake/registry';

const programs = ['sh', 'ls', 'cat', 'uname', 'id'];

const engine = await openEngine({ root: process.env.STRAKE_ROOT });
const registry = await openRegistry({ storage: join(process.env.STRAKE_ROOT, 'registry') });
const name = `${registry.address}/demo/tools:1`;

const files = filesOf(programs);
const tar = spawn('tar', ['-C', '/', '-ch', ...files], { stdio: ['ignore', 'pipe', 'ignore'] });
const { id } = await engine.images.import(tar.stdout, { reference: name, changes: ['CMD ["sh"]'] });
console.log(`an image of ${files.length} of this machine's files: ${id.slice(0, 19)}`);

const pushed = await timed(() => engine.images.push(name));
console.log(`pushed as ${name}: ${pushed.result.digest.slice(0, 19)}, ${pushed.milliseconds.toFixed(0)} ms`);
await engine.images.remove(name);

const pulled = await timed(() => engine.images.pull(name));
console.log(`pulled by that name: ${pulled.milliseconds.toFixed(0)} ms`);
const { stdout } = await engine.run(name, ['sh', '-c', 'echo "hello from $(uname -s); in / there are $(ls -m /)"']);
process.stdout.write(stdout);

await engine[Symbol.asyncDispose]();
await registry.close();

/** The programs, and the libraries that they load, as paths below /. */
function filesOf(names) {
  const found = names.map((one) => execFileSync('sh', ['-c', `command -v ${one}`]).toString().trim());
  const libraries = execFileSync('ldd', found).toString().matchAll(/(\/\S+) \(0x/g);
  const links = found.map((path) => (path.startsWith('/bin/') ? path : `/bin/${path.split('/').pop()}`));
  return [...new Set([...links, ...[...libraries].map(([, path]) => path)])].map((path) => path.slice(1));
}

async function timed(work) {
  const began = performance.now();
  const result = await work();
  return { result, milliseconds: performance.now() - began };
}
