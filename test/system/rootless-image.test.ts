import test from 'ava';
import { debianImage } from '../fixtures/debian-image.ts';
import { openTestEngine } from '../fixtures/engine.ts';
import { OrdinaryUser } from '../fixtures/ordinary-user.ts';
import { startRegistry } from '../fixtures/registry.ts';

/** Every file with all that a layer says of it, but for its two devices, and what the runtime mounts. */
const listing = `
find / -xdev ! -path / ! -path /etc ! -path '/dev*' ! -path /srv/odd/block ! -path /srv/odd/null -printf '%p %y %m %U:%G %s %l %n %T@\\n' |
  grep -v -e '^/etc/\\(hosts\\|hostname\\|resolv.conf\\) ' -e '^/\\(proc\\|sys\\) ' | sort
python3 - <<'END'
import os
for top, folders, files in os.walk('/'):
    if top.startswith(('/proc', '/sys', '/dev')): continue
    for name in folders + files:
        path = os.path.join(top, name)
        for xattr in sorted(os.listxattr(path, follow_symlinks=False)):
            if xattr == 'security.capability': print(path, xattr)
            elif xattr.startswith('user.'): print(path, xattr, os.getxattr(path, xattr, follow_symlinks=False))
END
getcap -r /srv /usr 2>/dev/null
`;

test.serial(
  'a Debian image is from inside what it is for root: owners, modes, times, links, holes, capabilities, whiteouts',
  async (t) => {
    await using registry = await startRegistry();
    await using engine = await openTestEngine();
    await using user = await OrdinaryUser.create({ subordinateIds: 4_000_000 });
    const debian = await registry.push(await debianImage(), 'debian:12');
    await engine.images.pull(debian);
    const roots = await engine.run(debian, ['sh', '-c', listing]);
    t.is(roots.exitCode, 0, roots.stderr);
    const users = await user.strake(['run', '--rm', debian, 'sh', '-c', listing]);
    t.is(users.code, 0, users.stderr);
    const [ours, theirs] = [users.stdout.split('\n'), new Set(roots.stdout.split('\n'))];
    t.true(ours.length > 15_000, `${ours.length} lines`);
    t.deepEqual(ours.filter((line) => !theirs.has(line)).slice(0, 20), []);
    t.is(ours.length, roots.stdout.split('\n').length);

    const deep = await user.strake([
      'run',
      '--rm',
      debian,
      'sh',
      '-c',
      'rm -rf /usr/share && mkdir /usr/share && ls -A /usr/share; apt --version',
    ]);
    t.regex(deep.stdout, /^apt /, deep.stderr);
    t.is((await user.strake(['rmi', debian])).code, 0);
    t.deepEqual(user.subordinateFiles(user.home), []);
    t.deepEqual(await user.processesLeft(), []);
  },
);

test.serial('an image with more ids than the user has is refused, and says so', async (t) => {
  await using registry = await startRegistry();
  await using user = await OrdinaryUser.create();
  const debian = await registry.push(await debianImage(), 'debian:12');
  const { code, stderr } = await user.strake(['pull', debian]);
  t.is(code, 1);
  t.regex(stderr, /belongs to 2000000:3000000, an id that this user has not got/);
  t.deepEqual(user.subordinateFiles(user.home), []);
});
