import { closeSync, openSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { bundle, cleanUp, config, directory, linux, runtime, unique } from './bundle.ts';

test.after.always(cleanUp);

/** What the one that connects to a unix socket at `path` says, while `action` is done. */
async function heardOn(path: string, action: () => void): Promise<string> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(path, listening));
  const heard = new Promise<string>((resolve) =>
    server.once('connection', (socket) => {
      socket.setEncoding('utf8').once('data', (data: string) => resolve(data));
    }),
  );
  try {
    action();
    return await heard;
  } finally {
    server.close();
  }
}

linux('create sends the terminal to the console socket', async (t) => {
  const id = unique('console');
  const process = { ...config(['sleep', '60']).process, terminal: true };
  const mounts = [
    ...config([]).mounts,
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs' },
    { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['newinstance', 'ptmxmode=0666'] },
  ];
  const path = bundle('console', ['sleep', '60'], { process, mounts });
  t.regex(runtime(['create', '-b', path, id]).err, /console socket/);
  const socket = join(directory, 'console.sock');
  const heard = await heardOn(socket, () => {
    t.is(runtime(['create', '-b', path, '--console-socket', socket, id], 'ignore').status, 0);
  });
  t.is(heard, '/dev/ptmx');
  t.is(runtime(['delete', '-f', id]).status, 0);
});

linux('a console socket without a terminal is refused', (t) => {
  const path = bundle('plain', ['sleep', '60']);
  t.regex(runtime(['create', '-b', path, '--console-socket', '/x', unique('plain')]).err, /console socket/);
});

linux('preserve-fds passes descriptors on, which are closed otherwise', (t) => {
  const file = join(directory, 'third');
  writeFileSync(file, 'from the third\n');
  const path = bundle('fds', ['sh', '-c', 'cat <&3']);
  const third = openSync(file, 'r');
  const run = (...flags: string[]) =>
    runtime(['run', ...flags, '-b', path, unique('fds')], ['ignore', 'pipe', 'pipe', third]);
  try {
    t.not(run().status, 0);
    t.is(run('--preserve-fds', '1').out, 'from the third\n');
  } finally {
    closeSync(third);
  }
  const refused = runtime(['run', '--preserve-fds', '900', '-b', path, unique('fds')]);
  t.regex(refused.err, /--preserve-fds: \d+ is not open/);
});
