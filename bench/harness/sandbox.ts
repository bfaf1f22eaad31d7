import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';

const inside = 'STRAKE_BENCH_SANDBOX';

/** Where a sandboxed bench's peers keep what they may lose: podman takes no path of more than 50 characters. */
export const runFolder = '/dev/shm/run';

/** The checkout's top folder. */
export const checkout = resolve(import.meta.dirname, '../..');

/**
 * Runs `main` in network, mount and process namespaces of the bench's own: daemons and registries reach nothing outside
 * and nothing outside reaches them, what is mounted is mounted here only, /dev/shm is empty, and whatever was started
 * ends with the bench. `prepare` runs outside before, for what needs the machine's own network. Of the control groups
 * only v1's are shown where both are mounted: crun 1.8 refuses the mixture.
 */
export async function inSandbox(
  file: string,
  prepare: () => Promise<unknown>,
  main: () => Promise<void>,
): Promise<void> {
  if (process.env[inside]) return main();
  await prepare();
  const setup = [
    'ip link set lo up',
    'mount -t tmpfs -o size=50% tmpfs /dev/shm',
    'if [ -d /sys/fs/cgroup/memory ]; then umount /sys/fs/cgroup/unified 2>/dev/null; fi',
  ].join('; ');
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];
  const script = `${setup}; "$@" & wait $!`; // the shell is the namespace's process 1 and reaps orphans
  const argv = [
    ...namespaces,
    'bash',
    '-c',
    script,
    'bash',
    process.execPath,
    '--import=tsx',
    file,
    ...process.argv.slice(2),
  ];
  const child = spawn('unshare', argv, {
    cwd: checkout,
    stdio: 'inherit',
    env: { ...process.env, [inside]: '1' },
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}
