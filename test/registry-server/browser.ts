import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { type Browser, chromium, type Page } from 'playwright-core';
import type { AccountStore, RegistryOptions } from '../../lib/registry-server/index.ts';
import { cachedFolder, checkout } from '../fixtures/cache.ts';
import { mustRun } from '../fixtures/run-program.ts';
import { addUsers, clientOf, openClient, type TestClient } from './client.ts';

/** Where Debian and others put it. */
const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A Chromium; one serves all tests of a file, each with a context of its own. */
export async function openBrowser(): Promise<Browser> {
  const executablePath = programs.find((path) => existsSync(path));
  if (executablePath === undefined)
    throw new Error('these tests need a Chromium: script/setup --tests installs it');
  // /dev/shm is small in many containers; root has no sandbox of Chromium's.
  const args = ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'];
  return chromium.launch({ executablePath, args, headless: true, timeout: 120_000 });
}

/** The page, built once for each state of its sources. */
export function builtWeb(): Promise<string> {
  const web = join(checkout, 'web');
  const names = readdirSync(web, { recursive: true, withFileTypes: true });
  const sources = names.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  return cachedFolder('web', sources, async (folder) => {
    await mustRun(join(checkout, 'script/build-web'), [folder]);
  });
}

export interface PageTest {
  readonly client: TestClient;
  readonly accounts: AccountStore;
  /** What the browser has complained of so far: a test that wants it takes it out. */
  readonly complaints: string[];
  /** A window of its own with its cookies, at an address of the page. */
  open(path?: string, options?: WindowOptions): Promise<Page>;
  /** The same, signed in; the password is the name. */
  signedIn(name: string, path?: string, options?: WindowOptions): Promise<Page>;
}

export interface WindowOptions {
  readonly width?: number;
  readonly height?: number;
  readonly colorScheme?: 'light' | 'dark';
}

/**
 * A registry with the users `root` (an administrator) and `alice` (who may push to team/*), whose passwords are their names. What
 * the browser's console complains of, the content security policy's refusals among it, fails the test.
 */
export async function openPage(
  t: ExecutionContext,
  browser: Browser,
  options: RegistryOptions = {},
): Promise<PageTest> {
  const { registry, folder } = await openClient(t, { access: {}, page: await builtWeb(), ...options });
  const accounts = await addUsers(registry, { root: true, alice: false });
  await accounts.putGrant({ to: 'user:alice', scope: 'team/*', role: 'push' });
  const complaints: string[] = [];
  t.teardown(() => {
    if (complaints.length > 0) throw new Error(`the browser complains: ${complaints.join('; ')}`);
  });
  const open: PageTest['open'] = async (
    path = '/',
    { width = 1200, height = 850, colorScheme = 'light' } = {},
  ) => {
    const context = await browser.newContext({
      viewport: { width, height },
      colorScheme,
      baseURL: registry.url,
    });
    t.teardown(() => context.close());
    const page = await context.newPage();
    page.setDefaultTimeout(60_000);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      // That a request was refused is told by the page itself.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
        complaints.push(message.text());
    });
    await page.goto(path);
    return page;
  };
  const signedIn: PageTest['signedIn'] = async (name, path = '/ui/', window = {}) => {
    const page = await open('/ui/sign-in', window);
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Password').fill(name);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('button', { name: 'Sign out' }).waitFor();
    if (path !== '/ui/') await page.goto(path);
    return page;
  };
  return { client: clientOf(registry, folder, 'root:root'), accounts, complaints, open, signedIn };
}
