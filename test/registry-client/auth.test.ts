import test from 'ava';
import { open } from './open.ts';
import {
  type Script,
  type SeenRequest,
  sendEndless,
  sendError,
  sendManifest,
  startScriptedServer,
} from './scripted-server.ts';

/** A registry that wants a bearer token of the service `issue` runs, which sits at /token of the same host. */
function tokenRegistry(issue: Script, isGood: (token: string) => boolean = () => true) {
  return startScriptedServer(async (request, response) => {
    if (request.url.pathname === '/token') return issue(request, response);
    const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
    if (token !== undefined && isGood(token)) return sendManifest(response);
    const realm = `http://${request.headers.host}/token`;
    const challenge = `Bearer realm="${realm}",service="the, service",scope="repository:app:pull"`;
    sendError(response, 401, 'UNAUTHORIZED', 'authentication required', { 'www-authenticate': challenge });
  });
}

const sendToken = (response: Parameters<Script>[1], answer: object) =>
  void response.end(JSON.stringify(answer));
const tokenRequests = (requests: readonly SeenRequest[]) =>
  requests.filter(({ url }) => url.pathname === '/token');

test('an anonymous token is fetched for the service and scope asked for, and used until it expires', async (t) => {
  await using registry = await tokenRegistry((_, response) =>
    sendToken(response, { token: 'abc', expires_in: 300 }),
  );
  await using repository = open(`${registry.host}/app`);
  await repository.resolve();
  await repository.resolve();
  const [asked, ...others] = tokenRequests(registry.requests);
  t.is(others.length, 0);
  t.is(asked?.url.searchParams.get('service'), 'the, service');
  t.is(asked?.url.searchParams.get('scope'), 'repository:app:pull');
  t.is(asked?.headers.authorization, undefined);
  t.is(registry.requests.length, 4);
});

test('requests that are refused together share one token', async (t) => {
  await using registry = await tokenRegistry((_, response) => sendToken(response, { access_token: 'abc' }));
  await using repository = open(`${registry.host}/app`);
  await Promise.all(Array.from({ length: 8 }, () => repository.resolve()));
  t.is(tokenRequests(registry.requests).length, 1);
});

test('a token near its end is replaced', async (t) => {
  let count = 0;
  await using registry = await tokenRegistry((_, response) =>
    sendToken(response, { token: `t${++count}`, expires_in: 5 }),
  );
  await using repository = open(`${registry.host}/app`);
  await repository.resolve();
  await repository.resolve();
  t.is(count, 2);
});

test('a token that the registry stops accepting is replaced once', async (t) => {
  let count = 0;
  await using registry = await tokenRegistry(
    (_, response) => sendToken(response, { token: `t${++count}`, expires_in: 300 }),
    (token) => token === `t${Math.max(count, 2)}` || count === 1,
  );
  await using repository = open(`${registry.host}/app`);
  await repository.resolve();
  count = 5;
  await repository.resolve();
  t.is(count, 6);
});

test('name and password go to the token service, not to the registry', async (t) => {
  await using registry = await tokenRegistry((_, response) => sendToken(response, { token: 'abc' }));
  await using repository = open(`${registry.host}/app`, {
    credentials: { username: 'me', password: 'secret' },
  });
  await repository.resolve();
  const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;
  const [asked] = tokenRequests(registry.requests);
  t.is(asked?.headers.authorization, basic);
  t.is(asked?.url.searchParams.get('account'), 'me');
  t.is(registry.requests.filter(({ headers }) => headers.authorization === basic).length, 1);
});

test('an identity token is exchanged by POST', async (t) => {
  await using registry = await tokenRegistry((_, response) => sendToken(response, { access_token: 'abc' }));
  await using repository = open(`${registry.host}/app`, { credentials: { identityToken: 'refresh' } });
  await repository.resolve();
  const [asked] = tokenRequests(registry.requests);
  t.is(asked?.method, 'POST');
  t.deepEqual(Object.fromEntries(new URLSearchParams(asked?.body)), {
    grant_type: 'refresh_token',
    refresh_token: 'refresh',
    client_id: 'strake',
    scope: 'repository:app:pull',
    service: 'the, service',
  });
});

test('a registry token is shown as it is', async (t) => {
  await using registry = await tokenRegistry(
    (_, response) => void response.destroy(),
    (token) => token === 'given',
  );
  await using repository = open(`${registry.host}/app`, { credentials: { registryToken: 'given' } });
  await repository.resolve();
  t.is(tokenRequests(registry.requests).length, 0);
});

test('credentials that the token service rejects are named, with the remedy', async (t) => {
  await using registry = await tokenRegistry((_, response) =>
    sendError(response, 401, 'UNAUTHORIZED', 'bad password'),
  );
  await using repository = open(`${registry.host}/app`, { credentials: { username: 'me', password: 'old' } });
  await t.throwsAsync(repository.resolve(), {
    code: 'ERR_REGISTRY_UNAUTHORIZED',
    message: /rejects the credentials .* the credentials given: log in again with: docker login 127/,
  });
});

test('a good token that does not suffice ends in one error, not in a loop', async (t) => {
  await using registry = await tokenRegistry(
    (_, response) => sendToken(response, { token: 'weak' }),
    () => false,
  );
  await using repository = open(`${registry.host}/app`);
  await t.throwsAsync(repository.resolve(), {
    code: 'ERR_REGISTRY_UNAUTHORIZED',
    message: /does not exist, or may not be had/,
  });
  t.true(registry.requests.length <= 4);
});

test('a token service that denies is told as a denial', async (t) => {
  await using registry = await tokenRegistry((_, response) =>
    sendError(response, 403, 'DENIED', 'requested access denied'),
  );
  await using repository = open(`${registry.host}/app`);
  await t.throwsAsync(repository.resolve(), {
    code: 'ERR_REGISTRY_DENIED',
    message: /requested access denied/,
  });
});

for (const [fault, answer] of [
  ['without a token', {}],
  ['with a token that would split the header', { token: 'a\r\nX-Evil: 1' }],
] as const) {
  test(`an answer ${fault} is an error of the registry`, async (t) => {
    await using registry = await tokenRegistry((_, response) => sendToken(response, answer));
    await using repository = open(`${registry.host}/app`);
    await t.throwsAsync(repository.resolve(), { code: 'ERR_REGISTRY_RESPONSE', message: /without a token/ });
  });
}

test('an endless token is cut off', async (t) => {
  await using registry = await tokenRegistry((_, response) => sendEndless(response));
  await using repository = open(`${registry.host}/app`);
  await t.throwsAsync(repository.resolve(), { code: 'ERR_BLOB_TOO_LARGE' });
});

test('control characters in what a registry says do not reach a terminal', async (t) => {
  await using registry = await startScriptedServer((_, response) =>
    sendError(response, 403, 'DENIED', '\u001b[31mred\u0007\n'),
  );
  await using repository = open(`${registry.host}/app`);
  const error = await t.throwsAsync(repository.resolve(), { code: 'ERR_REGISTRY_DENIED', message: /red/ });
  t.notRegex(error.message, /\p{Cc}/u);
});
