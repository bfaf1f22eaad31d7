import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { openTestEngine } from '../fixtures/engine.ts';
import { OrdinaryUser } from '../fixtures/ordinary-user.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';
import { startUploadRegistry, type UploadRegistry } from '../fixtures/upload-registry.ts';

let registry: Registry;
let uploads: UploadRegistry;
let user: OrdinaryUser;
let busybox: string;

test.before(async () => {
  registry = await startRegistry();
  uploads = await startUploadRegistry();
  user = await OrdinaryUser.create();
  busybox = await registry.push(await busyboxImage(), 'busybox:latest');
});

test.after.always(async () => {
  await user?.[Symbol.asyncDispose]();
  await uploads?.[Symbol.asyncDispose]();
  await registry?.stop();
});

/** A command of the user's that must succeed; answers what it printed. */
async function strake(t: ExecutionContext, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await user.strake(argv);
  t.is(code, 0, `${argv.join(' ')}: ${stderr}`);
  return stdout;
}

/** In a shell of the user's, with strake as a function. */
async function shell(t: ExecutionContext, script: string): Promise<string> {
  const program = join(user.checkout, 'bin/strake');
  const words = `set -eo pipefail; strake() { node ${program} "$@"; }; cd ~; ${script}`;
  const { code, stdout, stderr } = await user.run(['bash', '-c', words]);
  t.is(code, 0, `${script}: ${stderr}`);
  return stdout;
}

/** Changes of all kinds: owners, modes, removals, a replaced directory, a rename of a lower one, links, capabilities' room. */
const changes = `
mkdir -m 750 /data && echo one >/data/one && ln /data/one /data/two && ln -s one /data/three
chown -R 33:34 /data && chmod 4751 /data/one
mkdir /secret && echo x >/secret/x && chown 5:6 /secret/x && chmod 0 /secret/x && chmod 700 /secret && chown 7 /secret
rm -r /root && mkdir /root && echo new >/root/new
mv /home /moved
`;

const listing = 'cd /; stat -c "%n %a %u:%g %h %F" data data/* secret secret/x root moved; cat data/two';

const expected = [
  'data 750 33:34 2 directory',
  'data/one 4751 33:34 2 regular file',
  'data/three 777 33:34 1 symbolic link',
  'data/two 4751 33:34 2 regular file',
  'secret 700 7:0 2 directory',
  'secret/x 0 5:6 1 regular file',
  'root 755 0:0 2 directory',
];

function assertListing(t: ExecutionContext, stdout: string): void {
  const lines = stdout.split('\n');
  for (const line of expected) t.true(lines.includes(line), `${line} in\n${stdout}`);
  t.is(lines.at(-2), 'one');
}

test.serial(
  'diff and commit tell what a container of his has changed, with the ids that it sees',
  async (t) => {
    await strake(t, 'pull', '-q', busybox);
    await strake(t, 'run', '--name', 'writer', busybox, 'sh', '-ec', changes);
    const diff = await strake(t, 'diff', 'writer');
    for (const line of ['A /data', 'A /data/two', 'A /secret/x', 'C /root', 'A /moved', 'D /home'])
      t.true(diff.split('\n').includes(line), `${line} in\n${diff}`);
    await strake(t, 'commit', 'writer', 'made:1');
    const shown = await strake(t, 'run', '--rm', 'made:1', 'sh', '-c', listing);
    assertListing(t, shown);
    t.notRegex(shown, /group/);
  },
);

test.serial('a container that runs is committed', async (t) => {
  await strake(t, 'run', '-d', '--name', 'runs', busybox, 'sh', '-c', 'echo now >/now; sleep 60');
  await shell(t, 'until [ "$(strake exec runs cat /now)" = now ]; do :; done');
  const refused = await user.strake(['commit', 'runs', 'made:2']);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /cannot pause container runs: .*--pause=false/);
  await strake(t, 'commit', '--pause=false', 'runs', 'made:2');
  t.is(await strake(t, 'run', '--rm', 'made:2', 'cat', '/now'), 'now\n');
  await strake(t, 'rm', '-f', 'runs');
});

test.serial('export writes all of a container, also what only its ids may read', async (t) => {
  const listed = await shell(t, 'strake export writer | tar -tvf - --numeric-owner');
  t.regex(listed, /^-rwsr-x--x 33\/34 +4 .* data\/one$/m);
  t.regex(listed, /^---------- 5\/6 +2 .* secret\/x$/m);
  t.regex(listed, /^drwx------ 7\/0 .* secret\/$/m);
  await shell(t, 'strake export -o flat.tar writer && strake import flat.tar flat:1');
  assertListing(t, await strake(t, 'run', '--rm', 'flat:1', '/bin/sh', '-c', listing));
});

test.serial('deep trees are committed and exported, on the small stack of his user namespace', async (t) => {
  const script = 'i=0; while [ $i -lt 1900 ]; do mkdir d; cd d; i=$((i+1)); done; echo deep >file';
  await strake(t, 'run', '--name', 'deep', busybox, 'sh', '-ec', script);
  const exported = await shell(t, 'strake export deep | tar -tf - | grep -c /d/');
  t.true(Number(exported) >= 1899, exported);
  await strake(t, 'commit', 'deep', 'deep:1');
  const find = 'find /d -name file -exec cat {} \\;';
  t.is(await strake(t, 'run', '--rm', 'deep:1', 'sh', '-c', find), 'deep\n');
  await strake(t, 'rm', 'deep');
  await strake(t, 'rmi', 'deep:1');
});

test.serial('what he saves is what root loads, and the other way round', async (t) => {
  await shell(t, 'strake save -o his.tar made:1');
  await using engine = await openTestEngine();
  await engine.images.load(join(user.home, 'his.tar'));
  const run = await engine.run('made:1', ['sh', '-c', listing]);
  assertListing(t, run.stdout);
  await strake(t, 'rmi', '-f', 'made:1');
  t.regex(await strake(t, 'load', '-q', '-i', join(user.home, 'his.tar')), /made:1/);
  assertListing(t, await strake(t, 'run', '--rm', 'made:1', 'sh', '-c', listing));
});

test.serial('he pushes what he has committed, and what he pulls again is the same', async (t) => {
  const name = `${uploads.address}/his/made:1`;
  await strake(t, 'tag', 'made:1', name);
  await strake(t, 'push', '-q', name);
  await strake(t, 'rm', 'writer');
  await shell(t, 'strake rmi -f $(strake images -q | sort -u) >/dev/null');
  t.is(await strake(t, 'images', '-q'), '');
  await strake(t, 'pull', '-q', name);
  assertListing(t, await strake(t, 'run', '--rm', name, 'sh', '-c', listing));
});

test.serial('scrub finds his layers intact, and one that was altered', async (t) => {
  t.notRegex(await strake(t, 'system', 'scrub'), /corrupt|unknown/);
  await shell(
    t,
    `file=$(find ${user.root} -path '*/layers/*/fs/bin/busybox' 2>/dev/null | head -n 1 || :); [ -n "$file" ]; printf x | dd of="$file" bs=1 seek=5000 conv=notrunc status=none`,
  );
  const { code, stdout, stderr } = await user.strake(['system', 'scrub']);
  t.not(code, 0, stdout + stderr);
  t.regex(stdout + stderr, /busybox/);
});

test.serial('system df adds up, and prune gives all of it back', async (t) => {
  const usage = JSON.parse(await strake(t, 'system', 'df', '-v', '--format', 'json'));
  t.true(usage.images.size >= 0);
  await shell(t, 'strake image prune -af >/dev/null');
  t.is(await strake(t, 'images', '-q'), '');
  t.deepEqual(user.subordinateFiles(user.root), []);
  t.is((await shell(t, `find ${user.root} -path '*/layers/layers/*' | wc -l`)).trim(), '0');
  t.deepEqual(await user.processesLeft(), []);
  t.deepEqual(user.mounts(), []);
});

test.serial('without subordinate ids he commits, saves and exports likewise', async (t) => {
  await using single = await OrdinaryUser.create({ subordinateIds: 0 });
  const run = async (...argv: string[]) => {
    const { code, stdout, stderr } = await single.strake(argv);
    t.is(code, 0, `${argv.join(' ')}: ${stderr}`);
    return stdout;
  };
  await run('pull', '-q', busybox);
  await run('run', '--name', 'writer', busybox, 'sh', '-ec', 'mkdir -m 0 /d; echo one >/one; rm -r /root');
  t.regex(await run('diff', 'writer'), /^A \/one$/m);
  await run('commit', 'writer', 'made:1');
  await run('export', '-o', join(single.home, 'flat.tar'), 'writer');
  await run('save', '-o', join(single.home, 'made.tar'), 'made:1');
  await run('rm', 'writer');
  await run('rmi', 'made:1');
  await run('load', '-q', '-i', join(single.home, 'made.tar'));
  t.is(await run('run', '--rm', 'made:1', 'cat', '/one'), 'one\n');
  await run('system', 'scrub');
  await run('image', 'prune', '-af');
  t.is(await run('images', '-q'), '');
});
