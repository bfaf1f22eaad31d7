import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { OrdinaryUser } from '../fixtures/ordinary-user.ts';
import { startRegistry } from '../fixtures/registry.ts';

for (const subordinateIds of [65_536, 0]) {
  const whose = subordinateIds > 0 ? 'his subordinate ids' : 'one id alone';
  test.serial(`an ordinary user with ${whose} copies both ways`, async (t) => {
    await using registry = await startRegistry();
    await using user = await OrdinaryUser.create({ subordinateIds });
    const image = await registry.push(await busyboxImage(), 'busybox:latest');
    const strake = async (...argv: string[]) => {
      const { code, stdout, stderr } = await user.strake(argv);
      t.is(code, 0, `${argv.join(' ')}: ${stderr}`);
      return stdout;
    };
    const give = subordinateIds > 0 ? 'chown 33:33 /tmp/file' : 'true';
    const script = `echo one >/tmp/file; chmod 600 /tmp/file; ${give}; echo kept >/v/kept`;
    const options = ['-v', 'data:/v', '--tmpfs', '/scratch', image, 'sh', '-c'];
    await strake('run', '--name', 'stopped', ...options, script);
    await strake('run', '-d', '--name', 'running', ...options, `${script}; touch /scratch/ready; sleep 100`);
    while ((await user.strake(['cp', 'running:/scratch/ready', '-'])).code !== 0);
    writeFileSync(join(user.home, 'mine'), 'from here', { mode: 0o644 });
    for (const container of ['running', 'stopped']) {
      const target = join(user.home, container);
      await strake('cp', '-q', `${container}:/tmp/file`, target);
      t.is(readFileSync(target, 'utf8'), 'one\n');
      t.is(statSync(target).uid, user.uid);
      const owner = (
        await user.run([
          'sh',
          '-c',
          `node "$0" cp ${container}:/tmp/file - | tar -tv --numeric-owner`,
          join(user.checkout, 'bin/strake'),
        ])
      ).stdout;
      t.regex(owner, subordinateIds > 0 ? /^-rw------- 33\/33 / : /^-rw------- 0\/0 /);
      await strake('cp', '-q', join(user.home, 'mine'), `${container}:/v/${container}`);
      await strake('cp', '-q', join(user.home, 'mine'), `${container}:/etc/mine`);
    }
    t.is(
      await strake('exec', 'running', 'cat', '/v/kept', '/v/running', '/v/stopped'),
      'kept\nfrom herefrom here',
    );
    t.is(await strake('exec', 'running', 'stat', '-c', '%u:%g', '/etc/mine'), '0:0\n');
    await strake('rm', '-f', 'running', 'stopped');
    t.deepEqual(await user.processesLeft(), []);
    t.deepEqual(user.mounts(), []);
  });
}
