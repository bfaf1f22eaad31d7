// The demo's program: what a user of the library writes. Run by script/demo, after the build.
import { openEngine } from 'strake';

const words = process.argv.slice(2).length > 0 ? process.argv.slice(2) : ['containers', 'as', 'a', 'library'];
const upperCase = ['sh', '-c', 'echo "$@" | tr a-z A-Z; echo "pid $$ of $(ls /proc | grep -c "^[0-9]") processes"', 'sh', ...words];

const engine = await openEngine({ root: process.env.STRAKE_ROOT });

const first = await timed(() => engine.run('@host', upperCase));
console.log(`exit code ${first.result.exitCode} after ${first.milliseconds.toFixed(1)} ms, and it said:`);
console.log(first.result.stdout.trimEnd());

const times = [];
for (let i = 0; i < 20; i++) times.push((await timed(() => engine.run('@host', ['true']))).milliseconds);
times.sort((a, b) => a - b);
console.log(
  `20 more, one after the other (\`true\`, from create to removed): median ${times[10].toFixed(1)} ms, ` +
    `least ${times[0].toFixed(1)} ms`,
);
await engine[Symbol.asyncDispose]();

async function timed(work) {
  const began = performance.now();
  const result = await work();
  return { result, milliseconds: performance.now() - began };
}
