/// <reference lib="dom" />
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import test, { type ExecutionContext } from 'ava';
import type { Browser, Page } from 'playwright-core';
import { builtWeb, openBrowser, openPage, type PageTest } from './browser.ts';
import { clientOf } from './client.ts';
import { pushAbout, pushIndex, pushSample } from './sample-images.ts';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

let browser: Browser;
test.before(async () => {
  [browser] = await Promise.all([openBrowser(), builtWeb()]);
});
test.after.always(() => browser?.close());

const heading = (page: Page, name: string) => page.getByRole('heading', { level: 1, name, exact: true });
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
const link = (page: Page, name: string) => page.getByRole('link', { name, exact: true });
const row = (page: Page, text: string) => page.getByRole('row').filter({ hasText: text });

test.serial('who signs in sees the repositories that he may pull, and what is in them', async (t) => {
  const { client, open } = await openPage(t, browser);
  const image = await pushSample(client, 'team/app', 'v1');
  await pushIndex(client, 'team/app', 'multi');
  await pushAbout(client, 'team/app', image, 'application/vnd.dev.cosign.artifact.sig.v1+json');
  await pushAbout(client, 'team/app', image, 'application/spdx+json');
  await pushSample(client, 'secret/app', 'v1');
  const page = await open('/');
  await page.getByText('nothing here that you may pull').waitFor();
  await link(page, 'Sign in').click();
  await page.getByLabel('Name').fill('alice');
  await page.getByLabel('Password').fill('wrong');
  await button(page, 'Sign in').click();
  await page.getByRole('alert').getByText('The name or the password is wrong.').waitFor();
  await page.getByLabel('Password').fill('alice');
  await button(page, 'Sign in').click();
  await link(page, 'team/app').waitFor();
  t.is(await page.getByText('secret/app').count(), 0);
  t.is(await link(page, 'Users').count(), 0);

  await link(page, 'team/app').click();
  await heading(page, 'team/app').waitFor();
  t.regex((await row(page, 'multi').textContent())!, /222 kB.*linux\/amd64.*linux\/arm64/);
  t.is(await page.getByRole('button', { name: /^Delete/ }).count(), 0);
  await link(page, 'v1').click();
  await heading(page, 'v1').waitFor();
  const { host } = new URL(client.registry.url);
  await page.getByText(`docker pull ${host}/team/app:v1`).waitFor();
  await button(page, 'podman').click();
  await page.getByText(`podman pull ${host}/team/app:v1`).waitFor();
  const layers = await page.getByRole('region', { name: 'Layers' }).getByRole('listitem').allTextContents();
  t.deepEqual(
    layers.map((text) => text.replace(/sha256:.*/, '')),
    [
      'ADD rootfs.tar.xz /90.0 kB',
      'ENV NODE_ENV=productionno layer',
      'COPY . /app20.0 kB',
      'ENTRYPOINT ["/usr/bin/node"]no layer',
      'CMD ["server.js" "--port=8080"]no layer',
    ],
  );
  await page.getByText('server.js --port=8080', { exact: true }).waitFor();
  await link(page, 'Signature').waitFor();
  await link(page, 'Bill of materials (SBOM)').click();
  await heading(page, (await page.title()).split(' ')[0]!).waitFor();
  await page.getByText('application/spdx+json').first().waitFor();
  await page.goBack();
  await heading(page, 'v1').waitFor();
});

test.serial('search finds repositories and tags by a part of their names', async (t) => {
  const { client, signedIn } = await openPage(t, browser);
  for (const name of ['team/app', 'team/web', 'other/app']) await client.image(name, 'v1');
  await client.image('team/app', 'v2');
  const page = await signedIn('root');
  await page.getByLabel('Search repositories').fill('app');
  await page.getByText('2 repositories').waitFor();
  t.deepEqual(await page.locator('tbody th').allTextContents(), ['other/app', 'team/app']);
  await page.getByLabel('Search repositories').fill('nothing');
  await page.getByText('has “nothing” in its name').waitFor();
  await page.goto('/ui/repositories/team/app');
  await page.getByLabel('Search tags').fill('2');
  await page.getByText('1 tag', { exact: true }).waitFor();
  await link(page, 'v2').waitFor();
});

test.serial('a tag is deleted once that is confirmed, and not when it is not', async (t) => {
  const { client, signedIn } = await openPage(t, browser, {
    settings: { immutable: [{ scope: 'team/*', tags: 'fixed' }] },
  });
  for (const tag of ['v1', 'fixed']) await pushSample(client, 'team/app', tag);
  const page = await signedIn('root', '/ui/repositories/team/app');
  const exists = async () => (await client.send('GET', '/v2/team/app/manifests/v1')).status === 200;
  await button(page, 'Delete tag v1').click();
  await page.getByRole('dialog', { name: 'Delete v1?' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  t.true(await exists());
  t.is(await button(page, 'Delete tag fixed').count(), 0);
  await button(page, 'Delete tag v1').click();
  await button(page, 'Delete tag').click();
  await link(page, 'v1').waitFor({ state: 'detached' });
  t.false(await exists());
  await page.goto('/ui/repositories/team/app:fixed');
  await page.getByRole('region', { name: 'Layers' }).waitFor();
  t.is(await button(page, 'Delete tag').count(), 0);
});

test.serial(
  'an administrator adds a user and grants to him, who may then push; and takes both away',
  async (t) => {
    const { client, signedIn } = await openPage(t, browser);
    const page = await signedIn('root', '/ui/users');
    const bob = clientOf(client.registry, client.folder, 'bob:secret');
    await button(page, 'Add user').click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(/^Name/).fill('bob');
    await dialog.getByLabel('Password').fill('secret');
    await dialog.getByLabel('Groups').fill('dev, ops');
    await dialog.getByRole('button', { name: 'Add user' }).click();
    await row(page, 'bob').getByText('dev').waitFor();
    await link(page, 'Grants').click();
    await button(page, 'Add grant').click();
    await dialog.getByLabel(/^Name/).fill('bob');
    await dialog.getByLabel('May').selectOption('push');
    await dialog.getByPlaceholder('team/*').fill('TEAM');
    await dialog.getByRole('button', { name: 'Add grant' }).click();
    await dialog.getByRole('alert').getByText('is no scope').waitFor();
    await dialog.getByPlaceholder('team/*').fill('mine/*');
    await dialog.getByRole('button', { name: 'Add grant' }).click();
    await row(page, 'user bob').waitFor();
    await until(async () => (await bob.send('POST', '/v2/mine/app/blobs/uploads/')).status === 202);

    await button(page, 'Remove grant of mine/* to user bob').click();
    await dialog.getByRole('button', { name: 'Remove grant' }).click();
    await row(page, 'user bob').waitFor({ state: 'detached' });
    await until(async () => (await bob.send('POST', '/v2/mine/app/blobs/uploads/')).status === 403);
    await link(page, 'Users').click();
    await button(page, 'Remove user bob').click();
    await dialog.getByRole('button', { name: 'Remove user' }).click();
    await row(page, 'bob').waitFor({ state: 'detached' });
    t.is((await bob.send('GET', '/v2/')).status, 401);
  },
);

test.serial('a robot’s secret is shown once, and is one by which it logs in', async (t) => {
  const { client, signedIn } = await openPage(t, browser);
  const page = await signedIn('root', '/ui/robots');
  await button(page, 'Add robot').click();
  await page.getByLabel(/^Name/).fill('ci');
  await page.getByRole('dialog').getByRole('button', { name: 'Add robot' }).click();
  const shown = page.getByRole('region', { name: /secret/ });
  const secret = await shown.locator('code').first().textContent();
  const robot = clientOf(client.registry, client.folder, `robot$ci:${secret}`);
  t.is((await robot.send('GET', '/v2/')).status, 200);
  await button(page, 'Done').click();
  await row(page, 'robot$ci').waitFor();
  await page.reload();
  await row(page, 'robot$ci').waitFor();
  t.is(await page.getByText(secret!).count(), 0);
});

test.serial('what somebody pushes, and a run that ends, is shown as it happens', async (t) => {
  const quotas = [{ scope: 'team/*', bytes: 1_000_000 }];
  const { client, signedIn } = await openPage(t, browser, { settings: { quotas } });
  const page = await signedIn('root');
  await page.getByText('live', { exact: true }).waitFor();
  await pushSample(client, 'team/app', 'v1');
  await link(page, 'team/app').click();
  await link(page, 'v1').waitFor();
  await pushSample(client, 'team/app', 'v2');
  await link(page, 'v2').waitFor();
  await link(page, 'Upkeep').click();
  await page.getByText('of 1.00 MB').waitFor();
  await button(page, 'Scrub').click();
  await row(page, 'Scrub').getByText('done').waitFor();
  t.regex((await row(page, 'Scrub').textContent())!, /by root.*read 6 blobs.*0 problems/);
  await link(page, 'Audit log').click();
  await row(page, 'push team/app:v2').first().waitFor();
  await row(page, 'root run scrub').waitFor();
});

test.serial('all of a deletion is done by the keyboard alone', async (t) => {
  const { client, open } = await openPage(t, browser);
  await pushSample(client, 'team/app', 'v1');
  const page = await open('/ui/sign-in');
  await page.locator('input[name=name]:focus').waitFor();
  await page.keyboard.type('root');
  await page.keyboard.press('Tab');
  await page.keyboard.type('root');
  await page.keyboard.press('Enter');
  await link(page, 'team/app').waitFor();
  await tabTo(page, 'team/app');
  await page.keyboard.press('Enter');
  await heading(page, 'team/app').waitFor();
  await button(page, 'Delete tag v1').waitFor();
  await page.locator('h1:focus').waitFor();
  await tabTo(page, 'Delete tag v1');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await tabTo(page, 'Delete tag');
  await page.keyboard.press('Enter');
  await page.getByText('No tags').waitFor();
  t.is((await client.send('GET', '/v2/team/app/manifests/v1')).status, 404);
});

/** Presses Tab until what has that name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 40; presses++) {
    await page.keyboard.press('Tab');
    const focused = await page
      .locator(':focus')
      .evaluateAll(([element]) => element?.getAttribute('aria-label') ?? element?.textContent?.trim());
    if (focused === name) return;
  }
  throw new Error(`Tab never comes to ${name}`);
}

const places = [
  '',
  'repositories/team/app',
  'repositories/team/app:v1',
  'repositories/team/app:multi',
  'users',
  'robots',
  'grants',
  'upkeep',
  'audit',
];

for (const [name, window] of Object.entries({
  light: { width: 1200 },
  dark: { width: 1200, colorScheme: 'dark' },
  'phone-wide': { width: 360, height: 740 },
} as const)) {
  test.serial(`every ${name} page is without fault by axe, and no wider than its window`, async (t) => {
    const site = await seeded(t);
    const page = await site.signedIn('root', '/ui/', window);
    for (const place of places) {
      await page.goto(`/ui/${place}`);
      await page.locator('h1').waitFor();
      await until(async () => (await page.locator('.loading').count()) === 0);
      await requireAccessible(t, page, `${name} ${place}`);
    }
    await page.goto('/ui/grants');
    await button(page, 'Add grant').click();
    await requireAccessible(t, page, `${name} dialog`);
  });
}

test.serial('the page to sign in is without fault by axe, too', async (t) => {
  const { open } = await openPage(t, browser);
  const page = await open('/ui/sign-in');
  await heading(page, 'Sign in').waitFor();
  await requireAccessible(t, page, 'sign in');
});

async function seeded(t: ExecutionContext): Promise<PageTest> {
  const site = await openPage(t, browser, {
    settings: {
      quotas: [{ scope: 'team/*', bytes: 300_000 }],
      immutable: [{ scope: 'team/*', tags: 'v*' }],
      mirrors: [{ prefix: 'hub', upstream: 'http://127.0.0.1:9' }],
    },
  });
  const { client } = site;
  const image = await pushSample(client, 'team/app', 'v1');
  await pushIndex(client, 'team/app', 'multi');
  await pushAbout(client, 'team/app', image, 'application/spdx+json');
  await client.send('PUT', '/api/v1/robots/old', { body: '{"expiresAt":"2026-01-01T00:00:00Z"}' });
  await client.send('GET', '/v2/hub/app/manifests/v1');
  await client.send('POST', '/api/v1/runs', { body: '{"kind":"collect"}' });
  return site;
}

/** By the rules of WCAG 2.2 AA and axe's own best practices. Evaluated from outside, since the page's policy lets no script in. */
async function requireAccessible(t: ExecutionContext, page: Page, what: string): Promise<void> {
  await page.evaluate(await readFile(axe, 'utf8'));
  const faults = await page.evaluate(async () => {
    const { axe } = globalThis as unknown as {
      axe: {
        run(options: {
          resultTypes: string[];
        }): Promise<{ violations: { id: string; nodes: { html: string; failureSummary: string }[] }[] }>;
      };
    };
    const { violations } = await axe.run({ resultTypes: ['violations'] });
    return violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 200)} ${failureSummary}`),
    );
  });
  t.deepEqual(faults, [], what);
  const excess = await page.locator('html').evaluate((html) => html.scrollWidth - html.clientWidth);
  t.is(excess, 0, `${what} is too wide`);
}

test.serial(
  'somebody else’s page cannot use the session, nor a script that was pushed the page',
  async (t) => {
    const { client, signedIn, complaints } = await openPage(t, browser);
    await client.image('team/app', 'v1');
    const page = await signedIn('root');
    const cookies = await page.context().cookies();
    t.deepEqual(
      cookies.map(({ httpOnly, sameSite, path }) => [httpOnly, sameSite, path]),
      [[true, 'Strict', '/api/v1/']],
    );
    const status = await page.evaluate(async () => {
      const { status } = await fetch('/api/v1/repositories/team/app/manifests/v1', { method: 'DELETE' });
      return status;
    });
    t.is(status, 403);
    const wasRun = await page.locator('body').evaluate((body) => {
      const script = body.ownerDocument.createElement('script');
      try {
        script.textContent = 'globalThis.wasRun = true';
        body.append(script);
      } catch {
        // Trusted Types let nobody make one.
      }
      return 'wasRun' in globalThis;
    });
    t.false(wasRun);
    t.regex(complaints.splice(0).join(), /TrustedScript/);
  },
);

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 50));
}
