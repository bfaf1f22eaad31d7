// The command line as one CommonJS file, since a graph of ES modules costs a start 10 ms more (Node 20), without loading
// what most commands never use: esbuild splits it where `import()` is, and each piece becomes a function in that one file
// that V8 neither compiles nor instantiates before it is asked for.
import { mkdir, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, transform } from 'esbuild';

const outfile = fileURLToPath(new URL('../dist/cli/main.cjs', import.meta.url));
const require = createRequire(import.meta.url);

/** Built-in modules that take milliseconds to load and that most commands never use: loaded at the first use. */
const lazyBuiltins = ['child_process', 'crypto', 'dns', 'dns/promises', 'fs/promises', 'http', 'https', 'net', 'readline', 'readline/promises', 'stream', 'stream/promises', 'timers/promises', 'tls', 'tty', 'zlib'];

const lazy = {
  name: 'lazy-builtins',
  setup({ onResolve, onLoad }) {
    const filter = new RegExp(`^(node:)?(${lazyBuiltins.join('|')})$`);
    onResolve({ filter }, ({ path, namespace }) =>
      namespace === 'lazy' ? { path, external: true } : { path: path.replace(/^node:/, ''), namespace: 'lazy' },
    );
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path }) => ({ contents: lazyModule(path), loader: 'js' }));
  },
};

function lazyModule(name) {
  const getters = Object.keys(require(name)).map((key) => `get ${JSON.stringify(key)}() { return load()[${JSON.stringify(key)}]; }`);
  return `const load = () => require('node:${name}');\nmodule.exports = { ${getters.join(', ')} };`;
}

/** What the pieces find around them: one is in `loaded` before it has run, since two may need each other. */
const head = `const importMetaUrl=require('node:url').pathToFileURL(__filename).href,loaded={};
function load(name){const piece=pieces[name];if(piece===undefined)return require(name);
let module=loaded[name];if(module===undefined)piece(module=loaded[name]={exports:{}},module.exports,load);
return module.exports}`;

/** One byte a character in memory: one that is not ASCII would make it two for the whole file. */
function inAscii(code) {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

const common = { platform: 'node', target: 'node20', minifyWhitespace: true, minifySyntax: true, logLevel: 'warning' };

const { outputFiles } = await build({
  ...common,
  entryPoints: [fileURLToPath(new URL('../lib/cli/main.ts', import.meta.url))],
  outdir: 'pieces',
  write: false,
  bundle: true,
  splitting: true,
  format: 'esm',
  external: ['undici', 'yaml', 'bcryptjs', 'hash-wasm'],
  plugins: [lazy],
  define: { 'import.meta.url': 'importMetaUrl' },
});

const pieces = await Promise.all(
  outputFiles.map(async ({ path, text }) => {
    // require() instead of import(): what V8's cache is of cannot import
    const { code } = await transform(text, { ...common, format: 'cjs', supported: { 'dynamic-import': false } });
    return `${JSON.stringify(`./${basename(path)}`)}:function(module,exports,require){${inAscii(code)}}`;
  }),
);
await mkdir(dirname(outfile), { recursive: true });
// A function already, which bin/strake calls: to wrap a megabyte at each start is to copy it.
await writeFile(
  outfile,
  `(function(require,__filename){${head}\nconst pieces={\n${pieces.join(',\n')}};\nload('./main.js')})\n`,
);
