/**
 * Which attacks does an OCI runtime stop?
 *
 *     npx tsx bench/attacks.ts [--write]
 *
 * Every attack of test/security/corpus is run with docker's own defaults on each runtime that is installed; `--write` puts the
 * table into docs/security.md. Needs root and a C compiler; script/setup --tests installs crun and runc.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { busyboxImage } from '../test/fixtures/busybox-image.ts';
import { runProgram } from '../test/fixtures/run-program.ts';
import { attacks } from '../test/security/corpus/attacks.ts';
import { openAttackRange, type Verdict } from '../test/security/corpus/run-attack.ts';
import { checkout, inSandbox } from './harness/sandbox.ts';

interface Runtime {
  readonly name: string;
  readonly path: string;
}

const [begin, end] = ['<!-- attacks: npx tsx bench/attacks.ts --write -->', '<!-- end of attacks -->'];

await inSandbox(import.meta.filename, busyboxImage, async () => {
  const runtimes = await installedRuntimes();
  const table = await runAll(runtimes);
  process.stdout.write(table);
  if (process.argv.includes('--write')) await put(table);
});

async function installedRuntimes(): Promise<Runtime[]> {
  const ours = { name: 'strake-runtime', path: join(checkout, 'build/Release/strake-runtime') };
  return [ours, ...(await Promise.all(['runc', 'crun'].map(findRuntime))).flat()];
}

async function findRuntime(program: string): Promise<Runtime[]> {
  const { code, stdout } = await runProgram('sh', [
    '-c',
    `readlink -f "$(command -v ${program})" && ${program} --version`,
  ]);
  const [path = '', version = ''] = stdout.split('\n');
  return code === 0 ? [{ name: version.replace(' version', ''), path }] : [];
}

async function runAll(runtimes: readonly Runtime[]): Promise<string> {
  await using range = await openAttackRange();
  const head = ['attack', 'class', ...runtimes.map(({ name }) => name)];
  const rows = [head, head.map(() => '---')];
  const notes: string[] = [];
  for (const attack of attacks) {
    const verdicts: Verdict[] = [];
    for (const { path } of runtimes) verdicts.push(await range.attack(attack, path));
    verdicts.forEach(({ outcome, said }, at) => {
      if (outcome !== 'stopped') notes.push(`- ${runtimes[at]?.name}, ${attack.name}: ${said}`);
    });
    rows.push([attack.name, attack.classes, ...verdicts.map(({ outcome }) => outcome)]);
  }
  return `${[...rows.map((cells) => `| ${cells.join(' | ')} |`), '', ...notes].join('\n')}\n`;
}

async function put(table: string): Promise<void> {
  const file = join(checkout, 'docs/security.md');
  const text = await readFile(file, 'utf8');
  const [before, after] = [text.split(begin)[0], text.split(end)[1]];
  if (before === undefined || after === undefined) throw new Error(`${file} has no place for the table`);
  await writeFile(file, `${before}${begin}\n\n${table.trimEnd()}\n\n${end}${after}`);
}
