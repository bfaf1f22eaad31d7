import { apiRoutes } from '../../lib/engine-api/index.ts';
import { patternOf } from '../../lib/engine-api/route.ts';
import { hasDockerSchema, schemaErrors } from '../fixtures/docker-schema.ts';
import { type Answer, type EngineApiFixture, openEngineApiFixture } from './engine-api-fixture.ts';

/** The API whose answers are held against docker's description: one that does not fit is an error. */
export async function openCheckedApi(): Promise<EngineApiFixture> {
  const fixture = await openEngineApiFixture();
  return {
    ...fixture,
    call: async (method, path, body, headers) => {
      const answer = await fixture.call(method, path, body, headers);
      check(method, path, answer);
      return answer;
    },
  };
}

function check(method: string, path: string, { status, json }: Answer): void {
  if (!hasDockerSchema) return;
  const described = describedPath(method, path);
  const isLater = /^\/v1\.(4[2-9]|5)/.test(path);
  const errors = schemaErrors(method, described, status, json, { isLater });
  if (errors.length > 0)
    throw new Error(`${method} ${path} ${status}: ${errors.join('\n')}\n${JSON.stringify(json)}`);
}

/** `/v1.41/images/a/b/json?x` is docker's `/images/{name}/json`. */
function describedPath(method: string, path: string): string {
  const bare = decodeURIComponent(path.replace(/\?.*$/s, '').replace(/^\/v\d+\.\d+/, ''));
  const route = apiRoutes.find((one) => one.method === method && patternOf(one.path).test(bare));
  if (route === undefined) throw new Error(`there is no route ${method} ${bare}`);
  return route.path.replaceAll('...', '');
}
