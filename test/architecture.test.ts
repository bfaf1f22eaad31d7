import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import test from 'ava';

/**
 * Who may import whom: docs/architecture.md as a table. A room that is not here does not exist; one that needs more says so
 * here, and the reviewer sees it.
 */
const rooms: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  age: [],
  undo: [],
  trace: [],
  deferred: [],
  'random-id': [],
  mount: [],
  'id-map': ['errors', 'scratch', 'bindings'],
  oci: ['errors'],
  config: ['errors'],
  reference: ['oci', 'errors'],
  scratch: ['errors', 'bindings'],
  logs: ['errors'],
  cdi: ['errors'],
  volumes: ['id-map', 'random-id', 'errors', 'scratch', 'bindings'],
  events: ['logs', 'errors', 'bindings'],
  network: ['random-id', 'errors', 'undo', 'scratch', 'bindings'],
  content: ['oci', 'errors', 'undo', 'scratch', 'bindings'],
  archives: ['content', 'reference', 'oci', 'errors', 'scratch', 'bindings'],
  'registry-client': ['config', 'content', 'reference', 'oci', 'errors', 'undo'],
  manifests: ['registry-client', 'content', 'reference', 'oci', 'errors', 'scratch', 'bindings'],
  snapshots: ['mount', 'id-map', 'oci', 'errors', 'undo', 'deferred', 'scratch', 'bindings'],
  unpack: ['snapshots', 'mount', 'content', 'oci', 'errors', 'undo', 'bindings'],
  images: [
    'archives',
    'registry-client',
    'unpack',
    'content',
    'snapshots',
    'config',
    'reference',
    'oci',
    'errors',
    'undo',
    'deferred',
    'scratch',
    'bindings',
  ],
  runtime: ['mount', 'oci', 'errors', 'undo', 'trace', 'bindings'],
  containers: [
    'cdi',
    'images',
    'snapshots',
    'mount',
    'volumes',
    'network',
    'random-id',
    'id-map',
    'logs',
    'events',
    'runtime',
    'reference',
    'oci',
    'errors',
    'undo',
    'trace',
    'scratch',
    'bindings',
  ],
  check: [
    'containers',
    'images',
    'content',
    'snapshots',
    'volumes',
    'events',
    'runtime',
    'oci',
    'errors',
    'scratch',
    'bindings',
  ],
  engine: [
    'cdi',
    'check',
    'containers',
    'images',
    'volumes',
    'network',
    'logs',
    'events',
    'content',
    'snapshots',
    'manifests',
    'registry-client',
    'config',
    'reference',
    'errors',
    'trace',
    'bindings',
    'id-map',
    'oci',
  ],
  http: ['errors', 'bindings'],
  'registry-server': [
    'http',
    'content',
    'registry-client',
    'config',
    'reference',
    'oci',
    'errors',
    'scratch',
    'deferred',
    'bindings',
  ],
  'engine-api': [
    'http',
    'age',
    'engine',
    'containers',
    'images',
    'volumes',
    'network',
    'logs',
    'events',
    'registry-client',
    'reference',
    'oci',
    'errors',
  ],
  cli: [
    'engine',
    'config',
    'engine-api',
    'age',
    'registry-server',
    'containers',
    'images',
    'volumes',
    'network',
    'logs',
    'events',
    'reference',
    'scratch',
    'errors',
    'trace',
  ],
};

/** Of bindings' own files, those that every facade may use; one facade never uses another. */
const sharedBindings = ['native.ts', 'load.ts', 'errors.ts'];

/** Packages from outside, each behind the rooms that are named. */
const packages: Readonly<Record<string, readonly string[]>> = {
  undici: ['registry-client'],
  valibot: ['config', 'registry-server'],
  yaml: ['cdi'],
  commander: ['cli'],
  jose: ['registry-server'],
  bcryptjs: ['registry-server'],
  'hash-wasm': ['registry-server'],
  aws4fetch: ['registry-server'],
};

/** Native rooms, by #include "room/…". Only addon/ knows Node. */
const nativeRooms: Readonly<Record<string, readonly string[]>> = {
  sys: [],
  hash: ['sys'],
  compress: ['sys'],
  layer: ['compress', 'hash', 'sys'],
  cgroup: ['sys'],
  seccomp: ['sys'],
  protocol: ['sys'],
  events: ['sys'],
  net: ['sys'],
  runtime: ['cgroup', 'seccomp', 'sys'],
  'oci-runtime': ['runtime', 'cgroup', 'seccomp', 'sys'],
  monitor: ['runtime', 'cgroup', 'net', 'protocol', 'events', 'sys'],
  addon: ['layer', 'cgroup', 'net', 'runtime', 'protocol', 'events', 'compress', 'hash', 'sys'],
};

/** `credential-helper` is Docker's own word for a program that keeps passwords. */
const forbiddenNames = /(^|[-_.])(utils?|(?<!credential-)helpers?|common|misc|managers?|services?)([-_.]|$)/i;

const top = resolve(import.meta.dirname, '..');

interface Import {
  /** "lib/images/pull.ts", from the top. */
  readonly file: string;
  readonly specifier: string;
}

test('a room imports only the rooms that the table allows it', (t) => {
  const wrong = roomImports()
    .filter(({ from, to }) => from !== to && !(rooms[from] ?? []).includes(to))
    .map(({ file, to }) => `${file} -> ${to}`);
  t.deepEqual(wrong, []);
});

test('every room of lib stands in the table', (t) => {
  const found = readdirSync(join(top, 'lib'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  t.deepEqual(
    found.map(({ name }) => name).filter((name) => !(name in rooms)),
    [],
  );
});

test('a room is entered by its door', (t) => {
  const wrong = roomImports()
    .filter(({ from, to, path }) => from !== to && to !== 'bindings' && path !== `lib/${to}/index.ts`)
    .map(({ file, path }) => `${file} -> ${path}`);
  t.deepEqual(wrong, []);
});

test('a facade of bindings uses no other facade and no room but errors and mount', (t) => {
  const wrong = imports('bindings')
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ file, specifier }) => ({ file, target: targetOf(file, specifier) }))
    .filter(({ target }) => {
      if (['lib/errors/index.ts', 'lib/mount/index.ts'].includes(target)) return false;
      return dirname(target) !== 'bindings' || !sharedBindings.includes(relative('bindings', target));
    });
  t.deepEqual(wrong, []);
});

test('a package from outside is used in its rooms only', (t) => {
  const wrong = [...imports('lib'), ...imports('bindings')]
    .filter(({ specifier }) => !specifier.startsWith('.') && !specifier.startsWith('node:'))
    .filter(({ file, specifier }) => !(packages[packageOf(specifier)] ?? []).includes(roomOf(file)))
    .map(({ file, specifier }) => `${file} -> ${specifier}`);
  t.deepEqual(wrong, []);
});

test('the page knows of lib the types of the API’s documents, and of packages preact, which is built into it', (t) => {
  const wrong = imports('web/src', /\.tsx?$/)
    .map(({ file, specifier }) => (specifier.startsWith('.') ? targetOf(file, specifier) : specifier))
    .filter((target) => !target.startsWith('web/src/') && !/^preact(\/hooks)?$/.test(target))
    .filter((target) => target !== 'lib/registry-server/api-documents.ts');
  t.deepEqual(wrong, []);
});

test('the rooms of lib form no circle', (t) => {
  const circles = Object.keys(rooms).filter((room) => reachable(room).has(room));
  t.deepEqual(circles, []);
});

test('a native room includes only the rooms that the table allows it', (t) => {
  const wrong: string[] = [];
  for (const file of filesBelow('native', /\.(cc|h)$/)) {
    const room = roomOf(file);
    for (const [, included = ''] of read(file).matchAll(/^#include "([a-z-]+)\/[^"]+"/gm)) {
      if (included !== room && !(nativeRooms[room] ?? []).includes(included))
        wrong.push(`${file} -> ${included}`);
    }
  }
  t.deepEqual(wrong, []);
});

test('only the addon includes Node', (t) => {
  const wrong = filesBelow('native', /\.(cc|h)$/).filter(
    (file) =>
      !file.startsWith('native/addon/') &&
      /#include\s+[<"](napi|node_api|node|uv|v8)\.h[>"]/.test(read(file)),
  );
  t.deepEqual(wrong, []);
});

test('nothing is called util, helper, common, misc, manager or service', (t) => {
  const names = ['lib', 'bindings', 'native', 'test', 'bench', 'script', 'web'].flatMap((folder) =>
    filesBelow(folder, /./),
  );
  t.deepEqual(
    names.filter((file) => file.split('/').some((part) => forbiddenNames.test(part))),
    [],
  );
});

function roomImports(): { file: string; from: string; to: string; path: string }[] {
  return imports('lib')
    .filter(({ specifier }) => specifier.startsWith('.'))
    .map(({ file, specifier }) => {
      const path = targetOf(file, specifier);
      return { file, from: roomOf(file), to: roomOf(path), path };
    });
}

/** Static, dynamic and re-exporting imports. */
function imports(folder: string, files = /\.ts$/): Import[] {
  const pattern = /(?:\bfrom\s+|\bimport\s+|\bimport\(\s*)'([^']+)'/g;
  return filesBelow(folder, files).flatMap((file) =>
    [...withoutComments(read(file)).matchAll(pattern)].map(([, specifier = '']) => ({ file, specifier })),
  );
}

function withoutComments(source: string): string {
  return source.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

function targetOf(file: string, specifier: string): string {
  return relative(top, resolve(top, dirname(file), specifier));
}

/** "lib/images/pull.ts" and "native/layer/tar.h" belong to the room in their second part; bindings is one room. */
function roomOf(file: string): string {
  const [folder = '', room = ''] = file.split('/');
  return folder === 'lib' || folder === 'native' ? room : folder;
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function reachable(room: string): Set<string> {
  const seen = new Set<string>();
  const waiting = [...(rooms[room] ?? [])];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (seen.has(next)) continue;
    seen.add(next);
    waiting.push(...(rooms[next] ?? []));
  }
  return seen;
}

function filesBelow(folder: string, pattern: RegExp): string[] {
  return readdirSync(join(top, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => relative(top, join(entry.parentPath, entry.name)));
}

function read(file: string): string {
  return readFileSync(join(top, file), 'utf8');
}
