/** runtime-spec 1.2, config-linux.md "Namespaces", "User namespace mappings", "Offset for Time Namespace", "Sysctl", "Personality". */
import { readlinkSync } from 'node:fs';
import { uptime } from 'node:os';
import test from 'ava';
import {
  cleanUp,
  complaint,
  linux,
  linuxWith,
  mountsWith,
  namespacesWith,
  runtime,
  shell,
  started,
} from './bundle.ts';

test.after.always(cleanUp);

/** A namespace's name below /proc/PID/ns, by its name in the specification. */
const files: Readonly<Record<string, string>> = {
  mount: 'mnt',
  pid: 'pid',
  ipc: 'ipc',
  uts: 'uts',
  network: 'net',
  cgroup: 'cgroup',
  time: 'time',
};

const own = (kind: string) => readlinkSync(`/proc/self/ns/${files[kind]}`);
const seen = (name: string, kind: string, namespaces: readonly object[]) =>
  shell(name, `readlink /proc/self/ns/${files[kind]}`, { linux: linuxWith({ namespaces }) }).out.trim();

linux('a namespace is new when it is listed, and the runtime’s when it is not', (t) => {
  for (const kind of ['pid', 'ipc', 'uts', 'network', 'cgroup', 'time']) {
    const without = namespacesWith([kind, 'pid'], kind === 'pid' ? [] : [{ type: 'pid' }]);
    t.is(seen(`without-${kind}`, kind, without), own(kind), kind);
    const inside = seen(`with-${kind}`, kind, namespacesWith([kind], [{ type: kind }]));
    t.regex(inside, /:\[\d+\]$/);
    t.not(inside, own(kind), kind);
  }
});

linux('a namespace with a path is that one, of every kind', (t) => {
  const namespaces = namespacesWith([], [{ type: 'cgroup' }, { type: 'time' }]);
  const id = started('holder', { linux: linuxWith({ namespaces }) });
  const { pid } = JSON.parse(runtime(['state', id]).out) as { pid: number };
  for (const kind of ['pid', 'ipc', 'uts', 'network', 'cgroup', 'time']) {
    const path = `/proc/${pid}/ns/${files[kind]}`;
    t.is(
      seen(`joined-${kind}`, kind, namespacesWith([kind], [{ type: kind, path }])),
      readlinkSync(path),
      kind,
    );
  }
  const { out } = shell('joined-pids', 'cat /proc/1/cmdline', {
    linux: linuxWith({ namespaces: namespacesWith(['pid'], [{ type: 'pid', path: `/proc/${pid}/ns/pid` }]) }),
  });
  t.is(out, 'sleep\0' + '60\0');
});

linux(
  'a path to a namespace of another kind, to none, a relative one, a kind twice and an unknown kind are refused',
  (t) => {
    const refused = (name: string, entry: object) =>
      complaint(name, { linux: linuxWith({ namespaces: namespacesWith(['network'], [entry]) }) });
    t.regex(
      refused('other', { type: 'network', path: '/proc/self/ns/uts' }),
      /network namespace.*\/proc\/self\/ns\/uts/,
    );
    t.regex(refused('file', { type: 'network', path: '/etc/passwd' }), /network namespace.*\/etc\/passwd/);
    t.regex(refused('missing', { type: 'network', path: '/nonexistent' }), /\/nonexistent/);
    t.regex(refused('relative', { type: 'network', path: 'ns' }), /namespaces\[4\]\.path: must be absolute/);
    t.regex(refused('twice', { type: 'uts' }), /namespaces\[4\]\.type: the same type twice/);
    t.regex(refused('unknown', { type: 'x' }), /namespaces\[4\]\.type: unknown namespace type "x"/);
  },
);

const ids = (hostID: number, size = 65536) => [{ containerID: 0, hostID, size }];
const user = (more: object = {}) => ({
  mounts: mountsWith({ destination: '/dev', type: 'tmpfs', source: 'tmpfs' }),
  linux: linuxWith({
    namespaces: namespacesWith([], [{ type: 'user' }]),
    uidMappings: ids(100_000),
    gidMappings: ids(200_000),
    ...more,
  }),
});

linux(
  'uidMappings and gidMappings are those of the new user namespace; several entries may be given',
  (t) => {
    const { out } = shell('user', 'id -u; cat /proc/self/uid_map /proc/self/gid_map', user());
    t.deepEqual(out.trim().split(/\s+/), ['0', '0', '100000', '65536', '0', '200000', '65536']);
    const uidMappings = [...ids(100_000, 10), { containerID: 10, hostID: 300_000, size: 5 }];
    const several = shell('several', 'cat /proc/self/uid_map', user({ uidMappings }));
    t.deepEqual(several.out.trim().split(/\s+/), ['0', '100000', '10', '10', '300000', '5']);
  },
);

linux(
  'mappings without a user namespace, a user namespace without them, and impossible ones are refused',
  (t) => {
    t.regex(complaint('no-user', { linux: linuxWith({ uidMappings: ids(1) }) }), /uidMappings/);
    t.regex(complaint('no-maps', user({ uidMappings: [] })), /uidMappings and gidMappings/);
    t.regex(complaint('size', user({ uidMappings: ids(1, 0) })), /uidMappings\[0\]\.size/);
    t.regex(
      complaint('beyond', user({ uidMappings: ids(2 ** 32 - 1, 2) })),
      /uidMappings\[0\]: the range ends/,
    );
  },
);

linux('timeOffsets move the clocks of a new time namespace, and are refused without one', (t) => {
  const timeOffsets = { boottime: { secs: 5_000_000 }, monotonic: { secs: 1000, nanosecs: 5 } };
  const namespaces = namespacesWith([], [{ type: 'time' }]);
  const { out } = shell('time', 'cat /proc/uptime /proc/self/timens_offsets', {
    linux: linuxWith({ namespaces, timeOffsets }),
  });
  t.true(Math.abs(Number.parseFloat(out) - uptime() - 5_000_000) < 100, out);
  t.regex(out, /monotonic\s+1000\s+5\n/);
  t.regex(complaint('no-time', { linux: linuxWith({ timeOffsets }) }), /timeOffsets/);
  const far = { boottime: { nanosecs: 1_000_000_000 } };
  t.regex(
    complaint('nanos', { linux: linuxWith({ namespaces, timeOffsets: far }) }),
    /timeOffsets\.boottime\.nanosecs/,
  );
});

linux('a process that enters is in the same time namespace', (t) => {
  const timeOffsets = { boottime: { secs: 5_000_000 } };
  const namespaces = namespacesWith([], [{ type: 'time' }]);
  const id = started('time-exec', { linux: linuxWith({ namespaces, timeOffsets }) });
  t.true(Number.parseFloat(runtime(['exec', id, 'cat', '/proc/uptime']).out) > 5_000_000);
});

linux(
  'sysctl sets what belongs to a namespace of the container’s, and refuses what is the whole machine’s',
  (t) => {
    const sysctl = {
      'net.ipv4.ip_forward': '1',
      'kernel.shmmax': '123456',
      'net/ipv4/ip_unprivileged_port_start': '77',
    };
    const script = 'cd /proc/sys; cat net/ipv4/ip_forward kernel/shmmax net/ipv4/ip_unprivileged_port_start';
    t.is(shell('sysctl', script, { linux: linuxWith({ sysctl }) }).out, '1\n123456\n77\n');
    const refused = (name: string, key: string, without: string[] = []) =>
      complaint(name, { linux: linuxWith({ namespaces: namespacesWith(without), sysctl: { [key]: '1' } }) });
    t.regex(refused('machine', 'kernel.panic'), /kernel\.panic is not of a namespace/);
    t.regex(refused('climb', 'net/../kernel/panic'), /not of a namespace/);
    t.regex(refused('host-net', 'net.ipv4.ip_forward', ['network']), /needs a network namespace/);
    t.regex(refused('nonexistent', 'net.ipv4.unheard_of'), /net\.ipv4\.unheard_of/);
  },
);

linux('personality: LINUX32 changes what uname says; flags and unknown domains are refused', (t) => {
  const with32 = { linux: linuxWith({ personality: { domain: 'LINUX32' } }) };
  t.regex(shell('p32', 'uname -m', with32).out, /^i686$|^armv\d+l$/m);
  t.is(
    shell('p64', 'uname -m', { linux: linuxWith({ personality: { domain: 'LINUX' } }) }).out,
    shell('p', 'uname -m').out,
  );
  t.regex(complaint('px', { linux: linuxWith({ personality: { domain: 'X' } }) }), /personality\.domain/);
  const flags = { personality: { domain: 'LINUX', flags: ['ADDR_NO_RANDOMIZE'] } };
  t.regex(complaint('pflags', { linux: linuxWith(flags) }), /personality\.flags/);
});

linux('personality is that of exec too', (t) => {
  const id = started('p32exec', { linux: linuxWith({ personality: { domain: 'LINUX32' } }) });
  t.not(runtime(['exec', id, 'uname', '-m']).out, runtime(['exec', started('p64exec'), 'uname', '-m']).out);
});
