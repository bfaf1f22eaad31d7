import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer, type Server } from 'node:net';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { openAttackGround } from '../../fixtures/attack.ts';
import { busyboxTree } from '../../fixtures/busybox-image.ts';
import { cachedFolder, checkout, makeFastFolder } from '../../fixtures/cache.ts';
import { mustRun, type ProgramResult, runProgram } from '../../fixtures/run-program.ts';
import { type Attack, type AttackConfig, plantCanary } from './attacks.ts';

/** What came of an attack. `refused`: the runtime did not start it. */
export interface Verdict {
  readonly outcome: 'stopped' | 'NOT stopped' | 'n/a';
  /** What was said, for people. */
  readonly said: string;
}

/** Where attacks are run: a system of busybox and the probe, a service and a canary of the machine's. */
export interface AttackRange extends AsyncDisposable {
  attack(attack: Attack, runtime: string): Promise<Verdict>;
}

export async function openAttackRange(): Promise<AttackRange> {
  const folder = makeFastFolder('range');
  const canary = join(folder, 'canary');
  plantCanary(canary);
  const [probe, config, services] = await Promise.all([buildProbe(), dockersConfig(), startServices()]);
  const system = join(folder, 'system');
  await busyboxTree(system);
  for (const name of ['probe', 'setuid-probe']) copyFileSync(probe, join(system, name));
  chmodSync(join(system, 'probe'), 0o755);
  chmodSync(join(system, 'setuid-probe'), 0o4755);
  let count = 0;
  return {
    attack: async (attack, runtime) => {
      const bundle = join(folder, `bundle-${count++}`);
      const place = { bundle, rootfs: join(bundle, 'rootfs'), canary };
      mkdirSync(bundle);
      cpSync(system, place.rootfs, { recursive: true, verbatimSymlinks: true });
      chmodSync(join(place.rootfs, 'setuid-probe'), 0o4755);
      attack.prepare?.(place);
      const changed = structuredClone(config);
      changed.process.args = typeof attack.run === 'string' ? ['/probe', attack.run] : [...attack.run];
      changed.process.env = [
        ...changed.process.env,
        `CANARY=${canary}/secret`,
        `HOST_PID=${process.pid}`,
        ...services.environment,
      ];
      attack.change?.(changed, place);
      writeFileSync(join(bundle, 'config.json'), JSON.stringify(changed));
      try {
        const ran = await runOnce(runtime, bundle, join(folder, `state-${basename(runtime)}`), attack);
        return judge(attack, ran, damage(canary));
      } finally {
        rmSync(bundle, { recursive: true, force: true });
      }
    },
    [Symbol.asyncDispose]: async () => {
      await services.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function judge(
  { mustHold }: Attack,
  { code, stdout, stderr }: ProgramResult,
  harm: readonly string[],
): Verdict {
  const said = [...harm, ...stdout.split(/\r?\n/).filter((line) => /^ESCAPED/.test(line))].join('; ');
  const shown =
    said || stdout.trim().split('\n').at(-1) || stderr.trim().split('\n').at(-1) || `it ended with ${code}`;
  if (said !== '') return { outcome: 'NOT stopped', said: shown };
  const hasTried = /^held/m.test(stdout);
  return { outcome: mustHold && !hasTried ? 'n/a' : 'stopped', said: shown.slice(0, 200) };
}

/** `run` of a copy of the runtime, which an attack may overwrite; while it lasts others enter, if the attack is on them. */
async function runOnce(
  runtime: string,
  bundle: string,
  root: string,
  { enterBy, onTerminal }: Attack,
): Promise<ProgramResult> {
  const id = `strake-attack-${randomBytes(6).toString('hex')}`;
  const program = join(bundle, basename(runtime));
  copyFileSync(runtime, program);
  const argv = ['--root', root, 'run', '--bundle', bundle, id];
  const running = (
    onTerminal
      ? runProgram('script', ['-qec', [program, ...argv].join(' '), '/dev/null'], { timeout: 20_000 })
      : runProgram(program, argv, { timeout: 20_000 })
  ).catch((error: Error): ProgramResult => ({ code: 137, stdout: '', stderr: error.message }));
  let isOver = false;
  running.finally(() => {
    isOver = true;
  });
  while (enterBy && !isOver) {
    await runProgram(program, ['--root', root, 'exec', id, ...enterBy], { timeout: 5000 }).catch(
      () => undefined,
    );
  }
  const ran = await running;
  await runProgram(program, ['--root', root, 'delete', '--force', id], { timeout: 10_000 }).catch(
    () => undefined,
  );
  return ran;
}

function damage(canary: string): string[] {
  const added = readdirSync(canary).filter((name) => name !== 'secret');
  const secret = readFileSync(join(canary, 'secret'), 'utf8');
  for (const name of added) rmSync(join(canary, name), { recursive: true });
  return [
    ...added.map((name) => `${name} was made outside`),
    ...(secret === 'untouched' ? [] : ['a file outside was changed']),
  ];
}

async function buildProbe(): Promise<string> {
  const source = join(checkout, 'test/security/corpus/probe.c');
  const folder = await cachedFolder('attack-probe', [source], async (made) => {
    await mustRun('cc', ['-O1', '-static', '-Wall', '-Wextra', '-o', join(made, 'probe'), source]);
  });
  return join(folder, 'probe');
}

/** The config.json that the library writes for a container with all defaults, which are docker's, on a plain folder. */
async function dockersConfig(): Promise<AttackConfig> {
  await using ground = await openAttackGround();
  const image = await ground.serveAboveBusybox({ layers: [] });
  await using container = await (
    await ground.engine.containers.create(image, { argv: ['sleep', '1000'] })
  ).start();
  const path = join(ground.engine.runDir, 'containers', container.id, 'config.json');
  const config = JSON.parse(readFileSync(path, 'utf8'));
  config.ociVersion = '1.0.2'; // crun 1.8 knows no later one
  config.root = { path: 'rootfs' };
  config.process.terminal = false;
  config.mounts = config.mounts.filter(({ type }: { type: string }) => type !== 'bind');
  config.linux.cgroupsPath = `/strake-attack-${process.pid}`;
  return config;
}

/** What the machine has and a container must not reach: an abstract socket, a port on loopback, System V memory. */
async function startServices(): Promise<{ environment: string[]; close(): Promise<void> }> {
  const name = `strake-attack-${process.pid}`;
  const sockets = [createServer(), createServer()] as const;
  await listen(sockets[0], { path: `\0${name}` });
  await listen(sockets[1], { host: '127.0.0.1', port: 0 });
  const { port } = sockets[1].address() as { port: number };
  const { stdout } = await promisify(execFile)('ipcmk', ['-M', '4096']);
  const id = /(\d+)/.exec(stdout)?.[1] ?? '';
  const key = await keyOf(id);
  return {
    environment: [`ABSTRACT=${name}`, `PORT=${port}`, `SHM_KEY=${key}`],
    close: async () => {
      for (const socket of sockets) socket.close();
      await promisify(execFile)('ipcrm', ['-m', id]);
    },
  };
}

/** proc(5), /proc/sysvipc/shm: key and identifier are its first columns. */
async function keyOf(id: string): Promise<string> {
  const lines = readFileSync('/proc/sysvipc/shm', 'utf8').split('\n');
  return lines.map((line) => line.trim().split(/\s+/)).find(([, shmid]) => shmid === id)?.[0] ?? '';
}

async function listen(server: Server, options: object): Promise<void> {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(options, resolve));
}
