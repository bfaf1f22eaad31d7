import test from 'ava';
import { applyChanges } from '../../lib/images/changes.ts';
import type { ImageProcess } from '../../lib/oci/index.ts';

const base: ImageProcess = {
  env: ['PATH=/bin', 'HOME=/root'],
  entrypoint: ['/entry'],
  cmd: ['arg'],
  labels: { a: '1' },
  exposedPorts: ['80/tcp'],
  volumes: ['/data'],
  onBuild: [],
};

test('every instruction changes its field, in any case, and leaves the others', (t) => {
  const changed = applyChanges(base, [
    'cmd ["x", "y z"]',
    'ENV A=1 B="two words" PATH=$PATH:/opt',
    'EXPOSE 443 53/udp 8000-8002',
    'LABEL b=2 "c d"=\'e f\'',
    'USER app:staff',
    'VOLUME ["/v w"]',
    'VOLUME /x /y',
    'WORKDIR /srv',
    'WORKDIR sub dir',
    'ONBUILD RUN make $HOME',
    'STOPSIGNAL SIGQUIT',
    'HEALTHCHECK --interval=1m30s --timeout=500ms --retries=3 CMD curl -f http://localhost/',
  ]);
  t.deepEqual(changed, {
    ...base,
    cmd: ['x', 'y z'],
    env: ['PATH=/bin:/opt', 'HOME=/root', 'A=1', 'B=two words'],
    exposedPorts: ['80/tcp', '443/tcp', '53/udp', '8000/tcp', '8001/tcp', '8002/tcp'],
    labels: { a: '1', b: '2', 'c d': 'e f' },
    user: 'app:staff',
    volumes: ['/data', '/v w', '/x', '/y'],
    workingDir: '/srv/sub dir',
    onBuild: ['RUN make $HOME'],
    stopSignal: 'SIGQUIT',
    healthcheck: {
      test: ['CMD-SHELL', 'curl -f http://localhost/'],
      interval: 90e9,
      timeout: 5e8,
      retries: 3,
    },
  });
});

test('a command that is no JSON list is for the shell', (t) => {
  t.deepEqual(applyChanges(base, ['CMD echo "$HOME" [x]']).cmd, ['/bin/sh', '-c', 'echo "$HOME" [x]']);
  t.deepEqual(applyChanges({ ...base, shell: ['/bin/ash', '-ec'] }, ['CMD [not json']).cmd, [
    '/bin/ash',
    '-ec',
    '[not json',
  ]);
});

test('a new entrypoint drops the old command, unless one is given with it', (t) => {
  t.like(applyChanges(base, ['ENTRYPOINT ["/new"]']), { entrypoint: ['/new'], cmd: [] });
  t.deepEqual(applyChanges(base, ['CMD ["c"]', 'ENTRYPOINT ["/new"]']).cmd, ['c']);
});

test('several lines, continued lines, comments and the old form of ENV and LABEL are read', (t) => {
  const changed = applyChanges(base, [
    '# comment\nENV GREETING hello  "world"\nLABEL note \\\n  all of it',
    'HEALTHCHECK NONE',
  ]);
  t.deepEqual(changed.env.at(-1), 'GREETING=hello  "world"');
  t.is(changed.labels.note, 'all of it');
  t.deepEqual(changed.healthcheck, { test: ['NONE'] });
});

test('variables are replaced as docker does it', (t) => {
  const value = (text: string) => applyChanges(base, [`LABEL k=${text}`]).labels.k;
  const braced = (text: string) => value(`\${${text}}`);
  t.is(braced('HOME'), '/root');
  t.is(braced('NO:-default'), 'default');
  t.is(braced('HOME:+set'), 'set');
  t.is(value('"$HOME and $NO."'), '/root and .');
  t.is(value("'$HOME'"), '$HOME');
  t.is(value('\\$HOME'), '$HOME');
  t.is(value('"a\\"b\\n"'), 'a"b\\n');
});

test('what is wrong is named with its instruction', (t) => {
  const wrong = {
    'RUN true': /RUN cannot be changed/,
    'constructor x': /CONSTRUCTOR cannot be changed/,
    CMD: /a value is missing/,
    'ENV A="open': /is not closed/,
    'ENV alone': /NAME=value/,
    'LABEL a=1 b': /NAME=value/,
    'EXPOSE 70000': /no port/,
    'EXPOSE 1-60000': /no port/,
    'USER a b': /one value/,
    'LABEL a=${!x}': /no variable/,
    'ONBUILD ONBUILD RUN x': /not allowed/,
    'HEALTHCHECK --interval=soon CMD x': /no duration/,
    'HEALTHCHECK --what=1 CMD x': /unknown option/,
    'HEALTHCHECK RUN x': /NONE, or CMD/,
  };
  for (const [change, message] of Object.entries(wrong)) {
    t.throws(() => applyChanges(base, [change]), { code: 'ERR_IMAGE_CHANGE_INVALID', message }, change);
  }
});
