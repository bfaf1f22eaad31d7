import anyTest, { type TestFn } from 'ava';
import { openStrake, type Strake } from './strake.ts';

const test = anyTest as TestFn<Strake>;

test.beforeEach(async (t) => {
  t.context = await openStrake();
});
test.afterEach.always((t) => t.context[Symbol.asyncDispose]());

test.serial('events are lines, documents as docker has them, or what a template says', async (t) => {
  const { run, image } = t.context;
  const since = String(Date.now() / 1000);
  t.is((await run(['run', '--rm', '--name', 'once', '-l', 'tier=front', image, 'false'])).code, 1);
  const events = async (...flags: string[]) => {
    const { code, stdout, stderr } = await run(['events', '--since', since, '--until', '0s', ...flags]);
    t.is(code, 0, stderr);
    return stdout.trim().split('\n');
  };
  const [line] = await events('--filter', 'event=die');
  t.regex(line ?? '', /^\S+Z container die [0-9a-f]{64} \(exitCode=1, image=@\S+, name=once, tier=front\)$/);
  t.deepEqual(await events('--format', '{{.Action}} {{.Actor.Attributes.name}}', '-f', 'label=tier=front'), [
    'create once',
    'attach once',
    'start once',
    'die once',
    'destroy once',
  ]);
  const [document = ''] = await events('--format', 'json', '--filter', 'event=start');
  t.regex(document, /"timeNano":\d{19}\}$/);
  t.like(JSON.parse(document), { Type: 'container', Action: 'start', scope: 'local' });
});

test.serial('a follower sees what other programs do, and a filter that is none is refused', async (t) => {
  const { run, spawn, image } = t.context;
  const follower = spawn(['events', '--format', '{{.Action}}', '--filter', 'type=container']);
  let seen = '';
  follower.stdout?.on('data', (text) => {
    seen += text;
  });
  await new Promise((resolve) => setTimeout(resolve, 1000));
  await run(['run', '--rm', image, 'true']);
  for (let n = 0; n < 100 && !seen.includes('destroy'); n++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  follower.kill();
  t.is(seen, 'create\nattach\nstart\ndie\ndestroy\n');
  t.regex((await run(['events', '--filter', 'colour=red'])).stderr, /known keys are type, event, container/);
});
