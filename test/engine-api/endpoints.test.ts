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

const withSchema = hasDockerSchema ? test : test.skip;
if (!hasDockerSchema)
  console.log('skipped: needs golang-github-docker-docker-dev (script/setup --tests installs it)');

withSchema('whatever docker describes is answered', (t) => {
  const routes = new Set(apiRoutes.map(({ method, path }) => `${method} ${path.replaceAll('...', '')}`));
  t.deepEqual(
    describedOperations().filter((operation) => !routes.has(operation)),
    [],
  );
});
