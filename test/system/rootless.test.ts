import test from 'ava';
import { busyboxImage } from '../fixtures/busybox-image.ts';
import { OrdinaryUser } from '../fixtures/ordinary-user.ts';
import { type Registry, startRegistry } from '../fixtures/registry.ts';

let registry: Registry;
let user: OrdinaryUser;
let busybox: string;

test.before(async () => {
  registry = await startRegistry();
  user = await OrdinaryUser.create();
  busybox = await registry.push(await busyboxImage(), 'busybox:latest');
});

test.after.always(async () => {
  await user?.[Symbol.asyncDispose]();
  await registry?.stop();
});

test.serial(
  'an ordinary user pulls an image and runs it, as root inside and as himself outside',
  async (t) => {
    const pulled = await user.strake(['pull', busybox]);
    t.is(pulled.code, 0, pulled.stderr);
    const { code, stdout, stderr } = await user.strake([
      'run',
      '--rm',
      busybox,
      'sh',
      '-c',
      'id -u; cat /proc/self/uid_map',
    ]);
    t.is(stderr, '');
    t.is(code, 0);
    t.regex(
      stdout,
      new RegExp(`^0\\n\\s*0\\s+${user.uid}\\s+1\\n\\s*1\\s+${user.firstSubordinate}\\s+65536\\n$`),
    );
    t.deepEqual(await user.processesLeft(), []);
  },
);
