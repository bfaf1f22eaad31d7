// Test files as one module each, with an AVA project of their own around them: bundle-tests.js FOLDER FILE...
// An emulated processor needs twenty seconds to load the engine from its sources, and one from a bundle.
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const [folder, ...files] = process.argv.slice(2);

/** Modules find their fixtures by where they are: that stays where their source is. */
const sourcePlaces = {
  name: 'source-places',
  setup({ onLoad }) {
    onLoad({ filter: /\.ts$/ }, async ({ path }) => {
      const places = { dirname: dirname(path), filename: path, url: pathToFileURL(path).href };
      const source = await readFile(path, 'utf8');
      const contents = source.replace(/\bimport\.meta\.(dirname|filename|url)\b/g, (_, name) =>
        JSON.stringify(places[name]),
      );
      return { contents, loader: 'ts' };
    });
  },
};

await mkdir(folder, { recursive: true });
await build({
  entryPoints: files,
  outdir: folder,
  outbase: '.',
  outExtension: { '.js': '.mjs' },
  bundle: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  packages: 'external',
  sourcemap: 'inline',
  logLevel: 'warning',
  plugins: [sourcePlaces],
});
const ava = {
  files: files.map((file) => relative('.', file).replace(/\.ts$/, '.mjs')),
  extensions: { mjs: true },
  workerThreads: false,
};
await writeFile(join(folder, 'package.json'), JSON.stringify({ type: 'module', ava }));
