import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type EngineCli, EngineVerbs, engineCliContract, waiting } from '../contracts/engine-cli.ts';
import { canRun, startPodman } from '../fixtures/oci-engines.ts';

if (await canRun('podman', 'conmon', 'skopeo', 'script', 'curl')) defineTests();
else test.skip('podman runs containers by strake-runtime', () => {});

function defineTests(): void {
  let podman: EngineCli & AsyncDisposable;

  test.before(async () => {
    podman = await startPodman();
  });

  test.after.always(async () => {
    await podman?.[Symbol.asyncDispose]();
  });

  engineCliContract(test, () => podman);

  test.serial('podman has strake as its default runtime, by name', async (t) => {
    const cli = new EngineVerbs(podman);
    t.regex(
      await cli.must('info', '--format', '{{.Host.OCIRuntime.Name}} {{.Host.OCIRuntime.Version}}'),
      /^strake strake-runtime version/,
    );
  });

  test.serial('podman maps user namespaces, given or found by itself', async (t) => {
    const cli = new EngineVerbs(podman);
    const maps = ['--uidmap', '0:100000:5000', '--gidmap', '0:100000:5000'];
    t.regex(await cli.script(maps, 'cat /proc/self/uid_map'), /^\s*0 +100000 +5000$/);
    t.is(await cli.script(maps, 'touch /file; stat -c %u:%g /file'), '0:0');
    t.regex(
      await cli.script(['--userns', 'auto:size=1024'], 'cat /proc/self/uid_map'),
      /^\s*0 +200000 +1024$/,
    );
    await podman.sandbox.assertNothingLeft(t, podman.stateFolders, podman.idle);
  });

  test.serial('podman asks for health by running the check in the container', async (t) => {
    const cli = new EngineVerbs(podman);
    await cli.start('sick', [
      '--health-cmd',
      'test -e /ok',
      '--health-interval',
      'disable',
      '--health-retries',
      '1',
    ]);
    t.is((await cli.call('healthcheck', 'run', 'sick')).code, 1);
    await cli.inside('sick', 'touch /ok');
    t.is((await cli.call('healthcheck', 'run', 'sick')).code, 0);
    await cli.removeAll();
  });

  test.serial(
    'containers of a pod share its namespaces; the pod pauses, stops, starts and goes as one',
    async (t) => {
      const cli = new EngineVerbs(podman);
      await cli.must('build', '-t', 'infra', writeInfra(podman.sandbox.folder));
      const parent = `--cgroup-parent=/${podman.sandbox.controlGroup}`;
      await cli.must(
        'pod',
        'create',
        '--name',
        'pod',
        '--infra-image',
        'infra',
        parent,
        '--share',
        'pid,ipc,net,uts',
      );
      await cli.must('run', '-d', '--pod', 'pod', '--name', 'member', 'busybox', 'sh', '-c', waiting);
      const links = 'for kind in pid ipc net uts; do readlink /proc/self/ns/$kind; done';
      t.is(await cli.script(['--pod', 'pod'], links), await cli.inside('member', links));
      t.regex(await cli.inside('member', 'ps'), /sleep 1000/);
      for (const [verb, state] of [
        ['pause', 'Paused'],
        ['unpause', 'Running'],
        ['stop', 'Exited'],
        ['start', 'Running'],
      ] as const) {
        await cli.must('pod', verb, 'pod');
        t.is(await cli.must('pod', 'inspect', '--format', '{{.State}}', 'pod'), state);
      }
      await cli.must('pod', 'rm', '-f', '-t', '0', 'pod');
      await podman.sandbox.assertNothingLeft(t, podman.stateFolders, podman.idle);
    },
  );

  test.serial("podman's events tell of every step", async (t) => {
    const cli = new EngineVerbs(podman);
    await cli.start('told');
    await cli.must('exec', 'told', 'true');
    await cli.removeAll();
    const told = await cli.must(
      'events',
      '--stream=false',
      '--filter',
      'container=told',
      '--format',
      '{{.Status}}',
    );
    for (const step of ['create', 'init', 'start', 'exec', 'died', 'remove'])
      t.true(told.split('\n').includes(step), told);
  });
}

/** A pod's own container needs an image that waits: podman's is made with catatonit. */
function writeInfra(folder: string): string {
  const file = join(folder, 'Infrafile');
  writeFileSync(file, 'FROM busybox\nENTRYPOINT ["sleep", "1000"]\n');
  return `--file=${file}`;
}
