import test from 'ava';
import type { Browser } from 'playwright-core';
import { builtWeb, openBrowser, openPage } from './browser.ts';

let browser: Browser;
test.before(async () => {
  [browser] = await Promise.all([openBrowser(), builtWeb()]);
});
test.after.always(() => browser?.close());

test('who signs in sees the repositories that he may pull, and their tags', async (t) => {
  const { client, signedIn } = await openPage(t, browser);
  await client.image('team/app', 'v1');
  await client.image('team/app', 'v2');
  await client.image('secret/app', 'v1');
  const page = await signedIn('alice');
  await page.getByRole('link', { name: 'team/app' }).waitFor();
  t.is(await page.getByText('secret/app').count(), 0);
  await page.screenshot({ path: '/dev/shm/strake-shot1.png' });
  await page.getByRole('link', { name: 'team/app' }).click();
  await page.getByRole('link', { name: 'v2', exact: true }).waitFor();
  t.is(await page.getByRole('heading', { level: 1 }).textContent(), 'team/app');
  await page.screenshot({ path: '/dev/shm/strake-shot2.png' });
});
