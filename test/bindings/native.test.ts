import { readFileSync } from 'node:fs';
import test from 'ava';
import ts from 'typescript';
import { native } from '../../bindings/load.ts';

function declaredKeys(): string[] {
  const path = new URL('../../bindings/native.ts', import.meta.url);
  const source = ts.createSourceFile('native.ts', readFileSync(path, 'utf8'), ts.ScriptTarget.Latest);
  const addon = source.statements.find(
    (statement): statement is ts.InterfaceDeclaration =>
      ts.isInterfaceDeclaration(statement) && statement.name.text === 'NativeAddon',
  );
  return (addon?.members ?? []).map((member) => (member.name as ts.Identifier).text);
}

test('the addon exports exactly what bindings/native.ts declares', (t) => {
  t.deepEqual(Object.keys(native).sort(), declaredKeys().sort());
});

test('every export is a function, but for the versions', (t) => {
  const { versions, ...functions } = native;
  for (const [name, value] of Object.entries(functions)) t.is(typeof value, 'function', name);
  t.deepEqual(Object.keys(versions).sort(), ['isal', 'sha256', 'strake', 'zlib', 'zstd']);
});

test('the addon has the version of its package', (t) => {
  const packageJson = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'));
  t.is(native.versions.strake, packageJson.version);
});
