import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { ExecutionContext, TestFn } from 'ava';
import type { ProgramResult } from '../fixtures/run-program.ts';
import type { Holdings, Sandbox } from '../fixtures/sandbox.ts';

/** docker, or podman, whose default runtime is strake-runtime; the image `busybox` is there. */
export interface EngineCli {
  readonly sandbox: Sandbox;
  /** The command up to its verb. */
  readonly command: readonly string[];
  /** Flags that a verb is always given. */
  readonly verbFlags: { readonly [verb: string]: readonly string[] };
  /** What a container is told to have an init of the engine's. */
  readonly initFlags: readonly string[];
  /** Where strake-runtime keeps its state, inside the sandbox. */
  readonly stateFolders: readonly string[];
  /** What the sandbox holds while no container exists. */
  readonly idle: Holdings;
}

/** The verbs of an engine, made short for tests. */
export class EngineVerbs {
  readonly #cli: EngineCli;

  constructor(cli: EngineCli) {
    this.#cli = cli;
  }

  /** The engine's command, whatever its exit code. */
  call(...argv: readonly string[]): Promise<ProgramResult> {
    return this.#cli.sandbox.run(this.#words(argv));
  }

  onTerminal(...argv: readonly string[]): Promise<ProgramResult> {
    return this.#cli.sandbox.runOnTerminal(this.#words(argv));
  }

  withInput(input: string, ...argv: readonly string[]): Promise<ProgramResult> {
    return this.#cli.sandbox.run(this.#words(argv), { input });
  }

  /** The trimmed output of a command that must succeed. */
  async must(...argv: readonly string[]): Promise<string> {
    return (await this.#cli.sandbox.mustRun(this.#words(argv))).trim();
  }

  #words([verb = '', ...rest]: readonly string[]): string[] {
    return [...this.#cli.command, verb, ...(this.#cli.verbFlags[verb] ?? []), ...rest];
  }

  /** What a shell script prints in a new container with these flags. */
  script(flags: readonly string[], script: string): Promise<string> {
    return this.must('run', '--rm', ...flags, 'busybox', 'sh', '-c', script);
  }

  /** What a shell script prints in the running container of that name. */
  inside(container: string, script: string): Promise<string> {
    return this.must('exec', container, 'sh', '-c', script);
  }

  inspect(container: string, format: string): Promise<string> {
    return this.must('inspect', '--format', format, container);
  }

  /** A container in the background, that waits. */
  async start(name: string, flags: readonly string[] = [], script = waiting): Promise<void> {
    await this.must('run', '-d', '--name', name, ...flags, 'busybox', 'sh', '-c', script);
  }

  async removeAll(): Promise<void> {
    const ids = await this.must('ps', '-aq');
    if (ids !== '') await this.must('rm', '-f', ...ids.split('\n'));
  }

  /** Waits until the answer is that, ten seconds at most. */
  async until(t: ExecutionContext, wanted: string, ask: () => Promise<string>): Promise<void> {
    let answer = await ask();
    for (let attempt = 0; attempt < 50 && answer !== wanted; attempt++) {
      await delay(200);
      answer = await ask();
    }
    t.is(answer, wanted);
  }
}

/** Ends at once, by SIGTERM with 5. */
export const waiting = 'trap "exit 5" TERM; echo up; while :; do sleep 0.1; done';

/** What the users of an engine do, held for every engine that has docker's command line. */
export function engineCliContract(test: TestFn, engine: () => EngineCli): void {
  const fact = (title: string, body: (t: ExecutionContext, cli: EngineVerbs) => Promise<void>): void => {
    test.serial(title, async (t) => {
      const cli = new EngineVerbs(engine());
      try {
        await body(t, cli);
      } finally {
        await cli.removeAll();
      }
      await engine().sandbox.assertNothingLeft(t, engine().stateFolders, engine().idle);
    });
  };

  fact('run gives the exit status, both outputs and the input', async (t, cli) => {
    const result = await cli.call('run', '--rm', 'busybox', 'sh', '-c', 'echo out; echo err >&2; exit 7');
    t.deepEqual(result, { code: 7, stdout: 'out\n', stderr: 'err\n' });
    t.is((await cli.withInput('text', 'run', '--rm', '-i', 'busybox', 'cat')).stdout, 'text');
  });

  fact('a program that is not there ends run with 127, one that is no program with 126', async (t, cli) => {
    for (const program of ['absent', '/absent'])
      t.is((await cli.call('run', '--rm', 'busybox', program)).code, 127);
    t.is((await cli.call('run', '--rm', 'busybox', '/etc/passwd')).code, 126);
  });

  fact('run -t gives a terminal', async (t, cli) => {
    const { code, stdout } = await cli.onTerminal('run', '--rm', '-t', 'busybox', 'sh', '-c', 'tty; exit 4');
    t.is(stdout.trim(), '/dev/pts/0');
    t.is(code, 4);
  });

  fact('exec gives its exit status, input, terminal, user, folder and environment', async (t, cli) => {
    await cli.start('exec');
    t.is((await cli.call('exec', 'exec', 'sh', '-c', 'exit 9')).code, 9);
    t.is((await cli.withInput('text', 'exec', '-i', 'exec', 'cat')).stdout, 'text');
    t.is((await cli.onTerminal('exec', '-t', 'exec', 'tty')).stdout.trim(), '/dev/pts/0');
    const flags = ['-u', '1000', '-w', '/tmp', '-e', 'A=b'];
    t.is(await cli.must('exec', ...flags, 'exec', 'sh', '-c', 'echo $(id -u) $(pwd) $A'), '1000 /tmp b');
    t.not((await cli.call('exec', 'exec', 'absent')).code, 0);
  });

  fact(
    'logs, top, stats and kill know a running container; stop ends it, and it starts again',
    async (t, cli) => {
      await cli.start('life');
      await cli.until(t, 'up', () => cli.must('logs', 'life'));
      t.regex(await cli.must('top', 'life'), /sh -c trap/);
      t.regex(await cli.must('stats', '--no-stream', 'life'), /life .*[1-9][0-9.]*[kKM]i?B/);
      await cli.must('kill', '--signal', 'TERM', 'life');
      await cli.until(t, 'exited 5', () => cli.inspect('life', '{{.State.Status}} {{.State.ExitCode}}'));
      await cli.must('start', 'life');
      await cli.must('stop', 'life');
      t.is(await cli.inspect('life', '{{.State.Status}} {{.State.ExitCode}}'), 'exited 5');
    },
  );

  fact('pause stops the processes until unpause', async (t, cli) => {
    await cli.start('pausing', [], 'while :; do echo >> /tmp/ticks; sleep 0.02; done');
    await cli.must('pause', 'pausing');
    t.is(await cli.inspect('pausing', '{{.State.Status}}'), 'paused');
    t.not((await cli.call('exec', 'pausing', 'true')).code, 0);
    await cli.must('unpause', 'pausing');
    t.is(await cli.inside('pausing', 'echo running'), 'running');
  });

  fact('limits of memory, processes, processors and files hold, and update changes them', async (t, cli) => {
    const flags = ['--memory', '32m', '--memory-swap', '32m', '--pids-limit', '20', '--cpus', '0.5'];
    await cli.start('limited', [...flags, '--cpuset-cpus', '0', '--ulimit', 'nofile=77:77']);
    const told = `cat ${limit('memory', 'memory.limit_in_bytes', 'memory.max')}
      cat ${limit('pids', 'pids.max', 'pids.max')}; nproc; ulimit -n`;
    t.is(await cli.inside('limited', told), `${32 << 20}\n20\n1\n77`);
    await cli.must('update', '--memory', '64m', '--memory-swap', '64m', '--cpus', '0.25', 'limited');
    const updated = `cat ${limit('memory', 'memory.limit_in_bytes', 'memory.max')}
      cat ${limit('cpu', 'cpu.cfs_quota_us', 'cpu.max')}`;
    t.regex(await cli.inside('limited', updated), new RegExp(`^${64 << 20}\n25000`));
    const forks = 'for i in $(seq 30); do sleep 1 & done';
    t.regex((await cli.call('exec', 'limited', 'sh', '-c', forks)).stderr, /can't fork/);
  });

  fact('who wants more memory than allowed is killed', async (t, cli) => {
    const eater = ['--memory', '16m', '--memory-swap', '16m', 'busybox', 'tail', '/dev/zero'];
    t.is((await cli.call('run', '--name', 'eater', ...eater)).code, 137);
  });

  fact('volumes, binds, tmpfs and a read-only root are as asked', async (t, cli) => {
    await cli.script(['-v', 'kept:/v'], 'echo kept > /v/file');
    t.is(
      await cli.script(['-v', 'kept:/v:ro'], 'cat /v/file; echo > /v/file || echo refused'),
      'kept\nrefused',
    );
    await cli.must('volume', 'rm', 'kept');
    t.is(
      await cli.script(['--read-only', '--tmpfs', '/t'], 'echo > /t/f && echo > /f || echo refused'),
      'refused',
    );
    t.is(await cli.script(['-v', '/etc:/host/etc:ro'], 'test -e /host/etc/hostname && echo bound'), 'bound');
    t.is(await cli.script(['--shm-size', '5m'], "df -k /dev/shm | awk 'END { print $2 }'"), '5120');
    t.is(
      await cli.script(
        ['--device', '/dev/null:/dev/sink'],
        'echo > /dev/sink; test -c /dev/sink && echo device',
      ),
      'device',
    );
  });

  fact('user, capabilities, seccomp and privileges are as asked', async (t, cli) => {
    const status = (flags: string[], line: string): Promise<string> =>
      cli.script(flags, `awk '/^${line}:/ { print $2 }' /proc/self/status`);
    t.is(await cli.script(['-u', '1000:44'], 'id -u; id -g'), '1000\n44');
    t.is(await status(['--cap-drop', 'ALL'], 'CapBnd'), '0000000000000000');
    t.is(await status(['--cap-drop', 'ALL', '--cap-add', 'KILL'], 'CapEff'), '0000000000000020');
    t.is(await status([], 'Seccomp'), '2');
    t.is(await status(['--security-opt', 'seccomp=unconfined'], 'Seccomp'), '0');
    t.is(await status(['--security-opt', 'no-new-privileges'], 'NoNewPrivs'), '1');
    t.is(await cli.script(['--privileged'], 'mount -t tmpfs none /tmp && echo mounted'), 'mounted');
    t.is(await cli.script([], 'mount -t tmpfs none /tmp 2>/dev/null || echo refused'), 'refused');
  });

  fact(
    'an init of the engine runs as process 1, and --sysctl, --hostname and --workdir hold',
    async (t, cli) => {
      t.regex(await cli.script(engine().initFlags, 'cat /proc/1/cmdline'), /init/);
      const flags = ['--sysctl', 'net.ipv4.ip_forward=0', '--hostname', 'named', '--workdir', '/tmp'];
      t.is(await cli.script(flags, 'cat /proc/sys/net/ipv4/ip_forward; hostname; pwd'), '0\nnamed\n/tmp');
    },
  );

  fact("the host's namespaces and those of another container can be joined", async (t, cli) => {
    const own = (kind: string): Promise<string> =>
      engine().sandbox.mustRun(['readlink', `/proc/self/ns/${kind}`]);
    for (const [flag, kind] of [
      ['--pid', 'pid'],
      ['--ipc', 'ipc'],
      ['--network', 'net'],
      ['--uts', 'uts'],
    ] as const)
      t.is(`${await cli.script([flag, 'host'], `readlink /proc/self/ns/${kind}`)}\n`, await own(kind));
    await cli.start('owner', ['--ipc', 'shareable']);
    const joined = ['--pid', '--ipc', '--network'].flatMap((flag) => [flag, 'container:owner']);
    const links = 'for kind in pid ipc net; do readlink /proc/self/ns/$kind; done';
    t.is(await cli.script(joined, links), await cli.inside('owner', links));
  });

  fact('a container has an address on the bridge, and a published port reaches it', async (t, cli) => {
    const serve = 'mkdir /w; echo served > /w/page; exec httpd -f -p 80 -h /w';
    await cli.start('web', ['-p', '8077:80'], serve);
    const fetch = ['curl', '--silent', '--retry', '5', '--retry-connrefused', 'http://127.0.0.1:8077/page'];
    t.is(await engine().sandbox.mustRun(fetch), 'served\n');
  });

  fact('a container that fails is restarted as often as its policy says', async (t, cli) => {
    await cli.start('again', ['--restart', 'on-failure:2'], 'echo run; exit 3');
    await cli.until(t, 'run\nrun\nrun', () => cli.must('logs', 'again'));
    await cli.until(t, 'exited 3', () => cli.inspect('again', '{{.State.Status}} {{.State.ExitCode}}'));
  });

  fact('build runs its steps, and cp, diff and commit see what a container wrote', async (t, cli) => {
    const context = join(engine().sandbox.folder, 'context');
    mkdirSync(context, { recursive: true });
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN id -u > /built\nCMD ["cat", "/built"]\n');
    await cli.must('build', '-t', 'built', context);
    t.is(await cli.must('run', '--name', 'made', 'built'), '0');
    t.is(await cli.must('cp', 'made:/built', join(context, 'copy')), '');
    await cli.must('commit', 'made', 'committed');
    t.is(await cli.must('run', '--rm', 'committed'), '0');
  });
}

/** A file of the container's own control group, under whichever version there is. */
function limit(controller: string, version1: string, version2: string): string {
  return `$(ls -d /sys/fs/cgroup/${controller}/${version1} /sys/fs/cgroup/${version2} 2>/dev/null)`;
}
