/** runtime-spec 1.2, config-linux.md "Devices" and "Default Devices". */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { bundle, cleanUp, complaint, linux, linuxWith, runtime, shell, unique } from './bundle.ts';

test.after.always(cleanUp);

linux('the default devices are there, with their numbers, and writable by all', (t) => {
  const names = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];
  const script = `for d in ${names.join(' ')}; do stat -c '%n %a %t:%T %u:%g' /dev/$d; done`;
  const expected = ['1:3', '1:5', '1:7', '1:8', '1:9', '5:0'].map(
    (number, index) => `/dev/${names[index]} 666 ${number} 0:0`,
  );
  t.deepEqual(shell('defaults', script).out.trim().split('\n'), expected);
});

linux('the usual links are there', (t) => {
  const { out } = shell('links', 'for l in fd stdin stdout stderr ptmx; do readlink /dev/$l; done');
  const descriptors = ['', '/0', '/1', '/2'].map((end) => `/proc/self/fd${end}`);
  t.deepEqual(out.trim().split('\n'), [...descriptors, 'pts/ptmx']);
});

linux('devices: type, numbers, mode and owner, anywhere in the root', (t) => {
  const devices = [
    { path: '/dev/mine', type: 'c', major: 1, minor: 3, fileMode: 0o640, uid: 5, gid: 6 },
    { path: '/else/where/block', type: 'b', major: 7, minor: 250, fileMode: 0o600 },
    { path: '/dev/pipe', type: 'p', fileMode: 0o622 },
    { path: '/dev/unbuffered', type: 'u', major: 1, minor: 5 },
  ];
  const script = `for d in ${devices.map(({ path }) => path).join(' ')}; do stat -c '%F|%a|%t:%T|%u:%g' $d; done`;
  const { out, err } = shell('devices', script, { linux: linuxWith({ devices }) });
  t.deepEqual(
    out.trim().split('\n'),
    [
      'character special file|640|1:3|5:6',
      'block special file|600|7:fa|0:0',
      'fifo|622|0:0|0:0',
      'character special file|666|1:5|0:0',
    ],
    err,
  );
});

linux('a device over a file that is something else is refused, over the same one it is kept', (t) => {
  const devices = [{ path: '/dev/mine', type: 'c', major: 1, minor: 3 }];
  const path = bundle('taken', ['true'], { linux: linuxWith({ devices }) });
  mkdirSync(join(path, 'rootfs/dev'), { recursive: true });
  writeFileSync(join(path, 'rootfs/dev/mine'), 'a file');
  t.regex(runtime(['create', '-b', path, unique('taken')]).err, /\/dev\/mine exists .* something else/);
  const again = bundle('again', ['sh', '-c', 'exit 9'], { linux: linuxWith({ devices }) });
  t.is(runtime(['run', '-b', again, unique('again')]).status, 9);
  t.is(runtime(['run', '-b', again, unique('again')]).status, 9);
});

linux('a device without a type, with a relative path or without numbers is refused', (t) => {
  const refused = (name: string, device: object) =>
    complaint(name, { linux: linuxWith({ devices: [device] }) });
  t.regex(refused('no-type', { path: '/dev/x', major: 1, minor: 3 }), /devices\[0\]\.type/);
  t.regex(refused('bad-type', { path: '/dev/x', type: 'z', major: 1, minor: 3 }), /expected c, b, u or p/);
  t.regex(refused('relative', { path: 'dev/x', type: 'c', major: 1, minor: 3 }), /devices\[0\]\.path/);
  t.regex(refused('no-number', { path: '/dev/x', type: 'c', major: 1 }), /devices\[0\]\.minor/);
});
