import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { OrdinaryUser } from '../fixtures/ordinary-user.ts';
import { startRegistry } from '../fixtures/registry.ts';

test("a user's volumes with files of his subordinate ids are measured, pruned and removed", async (t) => {
  const registry = await startRegistry();
  const user = await OrdinaryUser.create();
  try {
    const image = await registry.push(await busyboxImage(), 'busybox:latest');
    const strake = async (...argv: string[]) => {
      const { code, stdout, stderr } = await user.strake(argv);
      t.is(code, 0, `${argv.join(' ')}: ${stderr}`);
      return stdout;
    };
    await strake('volume', 'create', '--label', 'a=1', 'data');
    const script = 'mkdir -m 700 /v/d && echo hello > /v/d/x && chown -R 33:33 /v/d';
    for (const name of ['data', 'other'])
      await strake('run', '--rm', '-v', `${name}:/v`, image, 'sh', '-c', script);
    t.regex(await strake('system', 'df', '-v'), /data +0 +[1-9]/);
    t.is(await strake('volume', 'ls', '-q', '-f', 'label=a'), 'data\n');
    t.is(await strake('volume', 'rm', 'data'), 'data\n');
    t.regex(
      await strake('volume', 'prune', '-af'),
      /^Deleted Volumes:\nother\n\nTotal reclaimed space: [1-9]/,
    );
    t.deepEqual(readdirSync(join(user.root, 'volumes')), []);
    t.deepEqual(await user.processesLeft(), []);
  } finally {
    await user[Symbol.asyncDispose]();
    await registry.stop();
  }
});
