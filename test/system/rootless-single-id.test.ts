import test from 'ava';
import { debianImage } from '../fixtures/debian-image.ts';
import { OrdinaryUser } from '../fixtures/ordinary-user.ts';
import { startRegistry } from '../fixtures/registry.ts';

test.serial('without subordinate ids an image runs with root alone, and that is said', async (t) => {
  await using registry = await startRegistry();
  await using user = await OrdinaryUser.create({ subordinateIds: 0 });
  const debian = await registry.push(await debianImage(), 'debian:12');
  t.is((await user.strake(['pull', debian])).code, 0);

  const script =
    'cat /proc/self/uid_map; find / -xdev -uid +0 | grep -v -e ^/proc -e ^/sys; stat -c %a /bin/su; python3 -c "print(6*7)"';
  const run = await user.strake(['run', '--rm', debian, 'sh', '-c', script]);
  t.is(run.code, 0, run.stderr);
  t.regex(run.stdout, new RegExp(`^\\s*0\\s+${user.uid}\\s+1\\n4755\\n42\\n$`));
  t.regex(run.stderr, /warning: only user 0 and group 0 exist in this container: .*usermod --add-subuids/);

  const other = await user.strake(['run', '--rm', '-u', '33', debian, 'true']);
  t.is(other.code, 125);
  t.regex(other.stderr, /33 does not exist in the container's user namespace/);

  const { stdout } = await user.strake(['system', 'info', '--format', 'json']);
  const { subordinateIds } = JSON.parse(stdout).capabilities;
  t.false(subordinateIds.ok);
  t.regex(subordinateIds.reason, /\/etc\/subuid has no range for alice: .*usermod/);

  t.is((await user.strake(['rmi', debian])).code, 0);
  t.deepEqual(await user.processesLeft(), []);
});
