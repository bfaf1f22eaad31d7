// The command line as one CommonJS file, since a graph of ES modules costs a start 10 ms more (Node 20), without loading
// what most commands never use.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const outfile = fileURLToPath(new URL('../dist/cli/main.cjs', import.meta.url));
const require = createRequire(import.meta.url);

/** Built-in modules that take milliseconds to load and that most commands never use: loaded at the first use. */
const lazyBuiltins = ['child_process', 'crypto', 'dns', 'http', 'https', 'readline', 'tls', 'zlib'];

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

await build({
  entryPoints: [fileURLToPath(new URL('../lib/cli/main.ts', import.meta.url))],
  outfile,
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  external: ['undici', 'bcryptjs', 'hash-wasm'],
  supported: { 'dynamic-import': false }, // require() instead: what V8's cache is of cannot import
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: 'warning',
  plugins: [lazy],
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
});
