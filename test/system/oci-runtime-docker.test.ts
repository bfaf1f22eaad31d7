import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type EngineCli, EngineVerbs, engineCliContract } from '../contracts/engine-cli.ts';
import { canRun, startDocker } from '../fixtures/oci-engines.ts';

if (await canRun('docker', 'dockerd', 'containerd', 'ctr', 'skopeo', 'script', 'curl')) defineTests();
else test.skip('dockerd runs containers by strake-runtime', () => {});

function defineTests(): void {
  let docker: EngineCli & AsyncDisposable;

  test.before(async () => {
    docker = await startDocker();
  });

  test.after.always(async () => {
    await docker?.[Symbol.asyncDispose]();
  });

  engineCliContract(test, () => docker);

  test.serial(
    'docker knows strake as its default runtime, and that memory was the end of a container',
    async (t) => {
      const cli = new EngineVerbs(docker);
      t.is(await cli.must('info', '--format', '{{.DefaultRuntime}}'), 'strake');
      await cli.call(
        'run',
        '--name',
        'eater',
        '-m',
        '16m',
        '--memory-swap',
        '16m',
        'busybox',
        'tail',
        '/dev/zero',
      );
      t.is(await cli.inspect('eater', '{{.HostConfig.Runtime}} {{.State.OOMKilled}}'), 'strake true');
      await cli.removeAll();
    },
  );

  test.serial('docker tells health by running the check in the container', async (t) => {
    const cli = new EngineVerbs(docker);
    const check = ['--health-cmd', 'test -e /ok', '--health-interval', '0.2s', '--health-retries', '1'];
    await cli.start('sick', check, 'sleep 1; touch /ok; sleep 60');
    const health = (): Promise<string> => cli.inspect('sick', '{{.State.Health.Status}}');
    await cli.until(t, 'unhealthy', health);
    await cli.until(t, 'healthy', health);
    await cli.removeAll();
  });

  test.serial("docker's events tell of every step", async (t) => {
    const cli = new EngineVerbs(docker);
    await cli.start('told');
    await cli.must('exec', 'told', 'true');
    await cli.removeAll();
    const period = ['--since', '10m', '--until', `${Date.now() / 1000 + 1}`];
    const told = await cli.must('events', ...period, '--filter', 'container=told', '--format', '{{.Action}}');
    for (const step of ['create', 'start', 'exec_create: true', 'exec_die', 'die', 'destroy'])
      t.true(
        told.split('\n').some((line) => line.startsWith(step)),
        `${step} in ${told}`,
      );
  });

  test.serial('with userns-remap a container is root of its own ids alone', async (t) => {
    await using remapped = await startDocker(['--userns-remap=nobody:nogroup'], (sandbox) => {
      const ids = join(sandbox.folder, 'subids');
      writeFileSync(ids, 'nobody:100000:65536\nnogroup:100000:65536\n');
      return sandbox
        .mustRun(['cp', ids, '/etc/subuid'])
        .then(() => sandbox.mustRun(['cp', ids, '/etc/subgid']));
    });
    const cli = new EngineVerbs(remapped);
    t.regex(await cli.script([], 'cat /proc/self/uid_map'), /^\s*0 +100000 +65536$/);
    await cli.start('own');
    t.is(await cli.inside('own', 'touch /file && stat -c %u /file'), '0');
    t.is((await cli.onTerminal('exec', '-t', 'own', 'sh', '-c', 'stat -c %u $(tty)')).stdout.trim(), '0');
    t.regex(await cli.script(['--userns', 'host'], 'cat /proc/self/uid_map'), /^\s*0 +0 +4294967295$/);
    await cli.removeAll();
    await remapped.sandbox.assertNothingLeft(t, remapped.stateFolders, remapped.idle);
  });
}
