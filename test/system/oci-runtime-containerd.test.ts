import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { waiting } from '../contracts/engine-cli.ts';
import { Cri } from '../fixtures/cri.ts';
import { type Containerd, canRun, runtime, startContainerdWithCri } from '../fixtures/oci-engines.ts';
import type { ProgramResult } from '../fixtures/run-program.ts';
import type { Holdings } from '../fixtures/sandbox.ts';

if (await canRun('containerd', 'ctr', 'skopeo', 'script')) defineTests();
else test.skip('containerd runs containers by strake-runtime', () => {});

const image = 'docker.io/library/busybox:latest';

function defineTests(): void {
  let containerd: Containerd;
  let idle: Holdings;
  const stateFolders = ['/run/containerd/runc/default', '/run/containerd/runc/k8s.io'];

  test.before(async () => {
    containerd = await startContainerdWithCri();
    idle = containerd.sandbox.holdings(stateFolders);
  });

  test.after.always(async () => {
    await containerd?.[Symbol.asyncDispose]();
  });

  test.afterEach(async (t) => {
    await containerd.sandbox.assertNothingLeft(t, stateFolders, idle);
  });

  const ctr = (...argv: readonly string[]): Promise<ProgramResult> =>
    containerd.sandbox.run(['ctr', '-a', containerd.socket, ...argv]);
  const words = (name: string, flags: readonly string[], argv: readonly string[]): string[] => [
    ...['run', '--rm', '--runtime', 'io.containerd.runc.v2', '--runc-binary', runtime],
    ...['--cgroup', `/${containerd.sandbox.controlGroup}/${name}`, ...flags, image, name, ...argv],
  ];
  const run = (flags: readonly string[], ...argv: readonly string[]): Promise<ProgramResult> =>
    ctr(...words('once', flags, argv));

  test.serial('ctr run gives the exit status, both outputs and a terminal', async (t) => {
    const result = await run([], 'sh', '-c', 'echo out; echo err >&2; exit 7');
    t.is(result.code, 7);
    t.is(result.stdout, 'out\n');
    t.regex(result.stderr, /^err\n/);
    const command = ['ctr', '-a', containerd.socket, ...words('terminal', ['-t'], ['tty'])];
    t.regex((await containerd.sandbox.runOnTerminal(command)).stdout, /\/dev\/pts\/0\s*$/);
  });

  test.serial('ctr run takes privileges, seccomp, read-only root, mounts and limits', async (t) => {
    const status = async (line: string, ...flags: readonly string[]): Promise<string> =>
      (await run(flags, 'awk', `/^${line}:/ { print $2 }`, '/proc/self/status')).stdout.trim();
    t.is(await status('Seccomp', '--seccomp'), '2');
    t.not(await status('CapEff', '--privileged'), await status('CapEff'));
    t.regex((await run(['--read-only'], 'touch', '/file')).stderr, /Read-only file system/);
    const bind = 'type=bind,src=/etc,dst=/host,options=rbind:ro';
    t.is((await run(['--mount', bind], 'ls', '/host/hostname')).stdout, '/host/hostname\n');
    t.is((await run(['--memory-limit', '16000000'], 'tail', '/dev/zero')).code, 137);
  });

  test.serial('a task is executed in, paused, counted, measured, killed and removed', async (t) => {
    await ctr(...words('task', ['-d'], ['sh', '-c', waiting]).filter((word) => word !== '--rm'));
    const task = (...argv: readonly string[]): Promise<ProgramResult> => ctr('task', ...argv);
    t.is((await task('exec', '--exec-id', 'one', 'task', 'sh', '-c', 'exit 9')).code, 9);
    await task('pause', 'task');
    t.regex((await task('ls')).stdout, /task .*PAUSED/);
    await task('resume', 'task');
    t.regex((await task('ps', 'task')).stdout, /^PID/);
    t.regex((await task('metrics', 'task')).stdout, /memory\.usage_in_bytes +[1-9]|memory\.usage +[1-9]/);
    t.regex((await task('checkpoint', 'task')).stderr, /checkpoint is not supported/);
    await task('kill', '--signal', 'TERM', 'task');
    await untilTrue(t, async () => /task .*STOPPED/.test((await task('ls')).stdout));
    t.regex((await task('rm', 'task')).stderr, /exit code 5/);
    t.is((await ctr('container', 'rm', 'task')).code, 0);
  });

  test.serial('the kubelet\'s interface runs a pod of the runtime class "strake"', async (t) => {
    using cri = new Cri(containerd.socket);
    const pod = podConfig();
    const { pod_sandbox_id } = await cri.call('RunPodSandbox', { config: pod, runtime_handler: 'strake' });
    const { status } = await cri.call('PodSandboxStatus', { pod_sandbox_id });
    t.is(status.runtime_handler, 'strake');
    t.regex(status.network.ip, /^10\.89\./);
    const container = await startInPod(cri, pod_sandbox_id, pod, 'main', waiting);
    await judgeContainer(t, cri, container);
    const eater = await startInPod(cri, pod_sandbox_id, pod, 'eater', 'exec tail /dev/zero');
    await untilTrue(t, async () => (await statusOf(cri, eater)).reason === 'OOMKilled');
    await cri.call('StopContainer', { container_id: container, timeout: 5 });
    t.like(await statusOf(cri, container), { state: 'CONTAINER_EXITED', exit_code: 5 });
    t.regex(readFileSync(join(pod.log_directory, 'main.log'), 'utf8'), / stdout F up\n/);
    await cri.call('StopPodSandbox', { pod_sandbox_id });
    await cri.call('RemovePodSandbox', { pod_sandbox_id });
  });

  function podConfig() {
    const log_directory = join(containerd.sandbox.folder, 'logs');
    mkdirSync(log_directory, { recursive: true });
    writeFileSync(join(log_directory, 'mounted'), 'from the host');
    return {
      metadata: { name: 'pod', uid: 'uid', namespace: 'default', attempt: 0 },
      hostname: 'pod',
      log_directory,
      linux: {
        cgroup_parent: `/${containerd.sandbox.controlGroup}`,
        sysctls: { 'net.ipv4.ip_unprivileged_port_start': '80' },
      },
    };
  }

  async function startInPod(
    cri: Cri,
    pod_sandbox_id: string,
    sandbox_config: { log_directory: string },
    name: string,
    script: string,
  ): Promise<string> {
    const config = {
      metadata: { name, attempt: 0 },
      image: { image },
      command: ['sh', '-c', script],
      mounts: [
        {
          container_path: '/mounted',
          host_path: join(sandbox_config.log_directory, 'mounted'),
          readonly: true,
        },
      ],
      log_path: `${name}.log`,
      linux: {
        resources: {
          memory_limit_in_bytes: 32 << 20,
          cpu_period: 100_000,
          cpu_quota: 50_000,
          oom_score_adj: 900,
        },
        security_context: {
          run_as_user: { value: 1000 },
          capabilities: { drop_capabilities: ['ALL'] },
          namespace_options: { pid: 'CONTAINER' },
          readonly_rootfs: true,
          no_new_privs: true,
          seccomp: { profile_type: 'RuntimeDefault' },
        },
      },
    };
    const { container_id } = await cri.call('CreateContainer', { pod_sandbox_id, config, sandbox_config });
    await cri.call('StartContainer', { container_id });
    return container_id;
  }
}

async function judgeContainer(t: ExecutionContext, cri: Cri, container_id: string): Promise<void> {
  const inside = async (script: string): Promise<string> => {
    const answer = await cri.call('ExecSync', { container_id, cmd: ['sh', '-c', script], timeout: 10 });
    return answer.stdout.toString();
  };
  t.is((await statusOf(cri, container_id)).state, 'CONTAINER_RUNNING');
  t.is(await inside('hostname; id -u; cat /mounted'), 'pod\n1000\nfrom the host');
  t.is(await inside('cat /proc/1/oom_score_adj'), '900\n');
  t.is(
    await inside("awk '/^(CapBnd|NoNewPrivs|Seccomp):/ { print $2 }' /proc/1/status"),
    '0000000000000000\n1\n2\n',
  );
  t.regex(await inside('ip addr show eth0'), /inet 10\.89\./);
  t.is(await inside('echo > /file || echo refused'), 'refused\n');
  t.is((await cri.call('ExecSync', { container_id, cmd: ['sh', '-c', 'exit 9'], timeout: 5 })).exit_code, 9);
  const memory =
    'cat $(ls -d /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null)';
  t.is(await inside(memory), `${32 << 20}\n`);
  await cri.call('UpdateContainerResources', { container_id, linux: { memory_limit_in_bytes: 48 << 20 } });
  t.is(await inside(memory), `${48 << 20}\n`);
  const { stats } = await cri.call('ContainerStats', { container_id });
  t.true(stats.cpu.usage_core_nano_seconds.value > 0);
  t.true(stats.memory.working_set_bytes.value > 0);
}

async function statusOf(cri: Cri, container_id: string): Promise<Record<string, unknown>> {
  return (await cri.call('ContainerStatus', { container_id })).status;
}

/** Waits until it is so, ten seconds at most. */
async function untilTrue(t: ExecutionContext, condition: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    if (await condition()) {
      t.pass();
      return;
    }
    await delay(100);
  }
  t.fail('it did not come about');
}
