import test from 'ava';
import { Fields } from '../../lib/engine-api/json-fields.ts';
import { platformParameter } from '../../lib/engine-api/platform-parameter.ts';
import { Query } from '../../lib/engine-api/query.ts';
import { configChanges } from '../../lib/engine-api/wire/config-changes.ts';
import { loadMessages, PullMessages, pushMessages } from '../../lib/engine-api/wire/progress.ts';
import { humanSize, progressBar } from '../../lib/engine-api/wire/progress-bar.ts';

const digest = `sha256:${'ab'.repeat(32)}` as const;

test('a layer is told of from its first to its last byte', (t) => {
  const messages = new PullMessages('debian:12');
  const layer = (status: 'waiting' | 'downloading' | 'unpacking' | 'committing' | 'done', current: number) =>
    messages
      .messagesOf({ type: 'layer', digest: digest as never, index: 0, status, current, total: 100 })
      .map((message) => message.status);
  t.deepEqual(layer('waiting', 0), ['Pulling fs layer', 'Waiting']);
  t.deepEqual(layer('downloading', 50), ['Downloading']);
  t.deepEqual(layer('unpacking', 100), ['Download complete', 'Extracting']);
  t.deepEqual(layer('committing', 100), ['Extracting']);
  t.deepEqual(layer('done', 100), ['Pull complete']);
  const [begin] = messages.messagesOf({
    type: 'resolved',
    reference: 'docker.io/library/debian:12',
    digest: digest as never,
    platform: 'linux/amd64',
  });
  t.deepEqual(begin, { status: 'Pulling from library/debian', id: '12' });
});

test('a layer that is skipped late is told of once', (t) => {
  const messages = new PullMessages('debian');
  const step = { type: 'layer', digest: digest as never, index: 0, current: 0, total: 9 } as const;
  const told = messages.messagesOf({ ...step, status: 'exists' });
  t.deepEqual(told, [{ status: 'Already exists', progressDetail: {}, id: 'abababababab' }]);
});

test('a push says where a layer was mounted from, and hides configs', (t) => {
  const step = { type: 'blob', digest: digest as never, index: 0, current: 0, total: 9 } as const;
  t.deepEqual(pushMessages({ ...step, kind: 'config', status: 'sent' }), []);
  const [mounted] = pushMessages({ ...step, kind: 'layer', status: 'mounted', from: ['library/debian'] });
  t.is(mounted?.status, 'Mounted from library/debian');
});

test('a quiet load says what it has loaded', (t) => {
  const layer = { type: 'layer', digest: digest as never, index: 0, current: 5, total: 9 } as const;
  t.deepEqual(loadMessages({ ...layer, status: 'downloading' }, true), []);
  const [loading] = loadMessages({ ...layer, status: 'downloading' }, false);
  t.is(loading?.status, 'Loading layer');
  t.deepEqual(loading?.progressDetail, { current: 5, total: 9 });
});

test("progress is drawn as docker's own library draws it", (t) => {
  t.is(progressBar(50, 100), `[${'='.repeat(25)}>${' '.repeat(25)}]      50B/100B`);
  t.is(progressBar(1_234_567, 0), ' 1.235MB');
  t.is(progressBar(200, 100), `[${'='.repeat(50)}>]     200B/100B`);
  t.deepEqual([0, 999, 1000, 20_500_000].map(humanSize), ['0B', '999B', '1kB', '20.5MB']);
});

test('what a commit overrides becomes instructions in which nothing is replaced', (t) => {
  const changes = configChanges(
    new Fields({
      Env: ['A=$HOME "x"', 'B'],
      Cmd: ['echo', '$A'],
      WorkingDir: '/a b',
      OnBuild: ['RUN x'],
      User: '',
      Volumes: { '/data': {} },
      Hostname: 'ignored',
    }),
  );
  t.deepEqual(changes, [
    'ENV "A"="\\$HOME \\"x\\""',
    'ENV "B"=""',
    'CMD ["echo","$A"]',
    'VOLUME ["/data"]',
    'WORKDIR "/a b"',
    'ONBUILD RUN x',
  ]);
});

test('a platform is a text, or an OCI platform', (t) => {
  const read = (platform: string) =>
    platformParameter(new Query(new URLSearchParams({ platform }).toString()));
  t.is(read('linux/arm64'), 'linux/arm64');
  t.is(read('{"os":"linux","architecture":"arm","variant":"v7"}'), 'linux/arm/v7');
  t.is(read(''), undefined);
  t.throws(() => read('{"os":"linux"}'), { message: /os and architecture are required/ });
  t.throws(() => read('{'), { message: /invalid platform/ });
});
