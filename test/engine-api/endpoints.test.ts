import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { apiRoutes, endpointsTable, withEndpoints } from '../../lib/engine-api/index.ts';
import { describedOperations, hasDockerSchema } from '../fixtures/docker-schema.ts';

test('the page of the Engine API has the routes as they are', (t) => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/engine-api.md', import.meta.url)), 'utf8');
  t.is(
    withEndpoints(page, endpointsTable(apiRoutes)),
    page,
    'run node --import=tsx script/update-endpoints.mjs',
  );
  t.true(page.includes('| `GET /images/{name}/json` |'));
});

test('whatever docker describes is answered', (t) => {
  if (!hasDockerSchema) return t.pass(); // without golang-github-docker-docker-dev there is nothing to compare with
  const routes = new Set(apiRoutes.map(({ method, path }) => `${method} ${path.replaceAll('...', '')}`));
  t.deepEqual(
    describedOperations().filter((operation) => !routes.has(operation)),
    [],
  );
});
