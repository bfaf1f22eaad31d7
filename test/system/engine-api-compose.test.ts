import { copyFile, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { type ApiDaemon, startStrakeApi } from '../fixtures/api-daemon.ts';
import { canRun } from '../fixtures/oci-engines.ts';

if (await canRun('docker-compose', 'skopeo', 'curl')) defineTests();
else test.skip('docker-compose works at strake serve', () => {});

function defineTests(): void {
  let daemon: ApiDaemon;
  let folder: string;

  test.before(async () => {
    daemon = await startStrakeApi();
    folder = join(daemon.sandbox.folder, 'shop');
    await mkdir(folder);
    await copyFile(join(import.meta.dirname, '../fixtures/compose.yml'), join(folder, 'docker-compose.yml'));
  });

  test.after.always(async () => {
    await daemon?.[Symbol.asyncDispose]();
  });

  const compose = async (...argv: readonly string[]): Promise<string> => {
    const command = ['docker-compose', '--ansi', 'never', '-f', join(folder, 'docker-compose.yml'), ...argv];
    const { code, stdout, stderr } = await daemon.client(command, { timeout: 90_000 });
    if (code !== 0)
      throw new Error(`docker-compose ${argv.join(' ')} ended with ${code}: ${stderr}${stdout}`);
    return stdout;
  };

  test.serial(
    'services come up in their order, are looked at, and go with all that was theirs',
    async (t) => {
      t.timeout(180_000);
      await compose('config', '-q');
      await compose('up', '-d');
      const names = (await daemon.must('ps', '--format', '{{.Names}}')).split('\n').sort();
      t.deepEqual(names, ['shop_client_1', 'shop_web_1']);
      const table = await compose('ps');
      t.regex(table, /shop_web_1 .* Up \(healthy\) .*0\.0\.0\.0:8088->80\/tcp/);
      t.is((await compose('ps', '-q')).trim().split('\n').length, 2);
      t.is(await page(daemon), 'composed\n');
      t.regex(await compose('logs', '--no-color', 'web'), /web_1 +\| serving/);
      t.regex(await compose('logs', '--no-color', '--tail=1', 'client'), /client_1 +\| composed/);
      t.is(await compose('exec', '-T', 'client', 'sh', '-c', 'echo $WHO'), 'client\n');
      t.is(await compose('port', 'web', '80'), '0.0.0.0:8088\n');
      t.is(await compose('run', '--rm', '-T', '--no-deps', 'client', 'echo', 'once'), 'once\n');
      t.is(await compose('up', '-d', '--scale', 'client=2'), '');
      t.is((await compose('ps', '-q', 'client')).trim().split('\n').length, 2);
      await compose('restart', '-t', '0', 'client');
      await compose('pause', 'web');
      await compose('unpause', 'web');
      t.regex(await compose('top', 'web'), /httpd/);
      t.regex(await compose('images'), /busybox/);
      await compose('stop');
      await compose('start');
      await compose('kill', 'client');
      await compose('rm', '-f', 'client');
      await compose('down', '-v');
      t.is(await daemon.must('ps', '-aq'), '');
      t.is(await daemon.must('volume', 'ls', '-q'), '');
      t.is(await daemon.must('network', 'ls', '-q', '--filter', 'name=shop'), '');
    },
  );
}

async function page({ sandbox }: ApiDaemon): Promise<string> {
  const patience = ['--max-time', '20', '--retry', '30', '--retry-connrefused', '--retry-delay', '0'];
  return sandbox.mustRun(['curl', '-sf', ...patience, 'http://127.0.0.1:8088/']);
}
