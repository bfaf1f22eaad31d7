import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { EngineVerbs } from '../contracts/engine-cli.ts';
import { checkout } from '../fixtures/cache.ts';
import { canRun, startDocker } from '../fixtures/oci-engines.ts';
import { mustRun, type ProgramResult } from '../fixtures/run-program.ts';

/** What docker with runc says to the same words is what strake has to say: exit codes, and what is printed. */
type Step = readonly string[];

const changes =
  'echo new > /made; mkdir /dir; echo x > /dir/in; rm /bin/yes; chmod 600 /etc/passwd; ln -s /made /link; echo out; echo err >&2; exit 3';
// Known to differ, and therefore not asked: Config.Env (ours has HOSTNAME), Config.WorkingDir (`/`, docker's is empty), NanoCpus (we
// have the quota), `start` of one that runs (a conflict; docker says nothing), `exec` of what is not there (127; docker 20.10: 126).
const fields = [
  '.State.Status',
  '.State.ExitCode',
  '.State.Running',
  '.State.OOMKilled',
  '.Path',
  '.Args',
  '.Name',
  '.Config.Cmd',
  '.Config.User',
  '.Config.Tty',
  '.Config.Labels',
  '.HostConfig.NetworkMode',
  '.HostConfig.AutoRemove',
  '.HostConfig.Memory',
  '.HostConfig.RestartPolicy.Name',
  '.HostConfig.RestartPolicy.MaximumRetryCount',
  '.HostConfig.CapAdd',
  '.HostConfig.ReadonlyRootfs',
  '.HostConfig.ShmSize',
  '.HostConfig.Privileged',
];
const own = ['--network', 'none'];
const shell = (script: string) => ['busybox', 'sh', '-c', script];

/** `FOLDER` is a folder of each engine's own. */
const steps: readonly Step[] = [
  ['run', '--rm', ...own, ...shell('exit 7')],
  ['run', '--rm', ...own, ...shell('sh -c "kill -TERM \\$\\$"; exit $?')],
  ['run', '--rm', ...own, 'busybox', '/no/such'],
  ['run', '--rm', ...own, 'busybox', '/etc'],
  ['run', '--rm', ...own, '-w', '/new/dir', ...shell('pwd; id -u; id -g; umask; echo $HOME $PATH')],
  ['run', '--rm', ...own, '-u', '12:34', '--group-add', '56', ...shell('id -u; id -g; id -G')],
  ['run', '--rm', ...own, '-u', 'nobody-there', 'busybox', 'true'],
  ['run', '--rm', ...own, ...shell('grep -E "^(Cap|NoNew|Seccomp:)" /proc/self/status')],
  [
    'run',
    '--name',
    'web',
    ...own,
    '-e',
    'A=b',
    '-l',
    'who=me',
    '-m',
    '64m',
    '--cpus',
    '0.5',
    '--cap-add',
    'SYS_TIME',
    ...shell(changes),
  ],
  ['inspect', '-f', fields.map((field) => `{{json ${field}}}`).join('\n'), 'web'],
  ['diff', 'web'],
  ['logs', 'web'],
  ['wait', 'web'],
  ['cp', 'web:/dir', 'FOLDER/taken'],
  ['cp', 'web:/dir/.', 'FOLDER/taken'],
  ['cp', 'web:/link', 'FOLDER/link'],
  ['cp', '-L', 'web:/link', 'FOLDER/followed'],
  ['cp', 'web:/absent', 'FOLDER'],
  ['cp', 'FOLDER/file', 'web:/dir'],
  ['cp', 'FOLDER/file', 'web:/dir/renamed'],
  ['cp', 'FOLDER/file', 'web:/absent/'],
  ['cp', 'FOLDER/file', 'web:/made/'],
  ['cp', 'FOLDER/.', 'web:/dir'],
  ['diff', 'web'],
  ['kill', 'web'],
  ['exec', 'web', 'true'],
  ['pause', 'web'],
  ['stop', 'web'],
  ['rename', 'web', 'gone'],
  ['inspect', 'web'],
  ['rm', 'gone'],
  ['run', '-d', '--name', 'up', ...own, '--cidfile', 'FOLDER/cid', 'busybox', 'sleep', '1000'],
  ['exec', 'up', 'sh', '-c', 'exit 9'],
  ['exec', '-e', 'X=1', '-w', '/tmp', '-u', '1', 'up', 'sh', '-c', 'pwd; echo $X; id -u'],
  ['rm', 'up'],
  ['start', 'up'],
  ['pause', 'up'],
  ['start', 'up'],
  ['inspect', '-f', '{{.State.Status}} {{.State.Paused}} {{.State.Running}}', 'up'],
  ['exec', 'up', 'true'],
  ['pause', 'up'],
  ['unpause', 'up'],
  ['unpause', 'up'],
  ['stop', '-t', '0', 'up'],
  ['inspect', '-f', '{{.State.Status}} {{.State.ExitCode}}', 'up'],
  ['rm', 'up'],
  ['rm', 'up'],
];

if (await canRun('docker', 'dockerd', 'containerd', 'runc', 'skopeo'))
  test.serial('strake answers what docker answers', async (t) => {
    t.timeout(300_000);
    await using docker = await startDocker(['--default-runtime=runc']);
    const { sandbox } = docker;
    const folders = { docker: join(sandbox.folder, 'd'), strake: join(sandbox.folder, 's') };
    for (const folder of Object.values(folders)) {
      await mustRun('mkdir', [folder]);
      writeFileSync(join(folder, 'file'), 'from outside');
    }
    const strake = [
      'env',
      `STRAKE_ROOT=${join(sandbox.folder, 'strake')}`,
      process.execPath,
      join(checkout, 'bin/strake'),
    ];
    const archive = join(sandbox.folder, 'busybox.tar');
    await new EngineVerbs(docker).must('save', '-o', archive, 'busybox');
    await sandbox.mustRun([...strake, 'load', '-q', '-i', archive]);
    const ask = async (command: readonly string[], folder: string, step: Step) =>
      answerOf(
        await sandbox.run([...command, ...step.map((word) => word.replace('FOLDER', folder))]),
        folder,
        step[0] === 'diff',
      );
    const differences: string[] = [];
    for (const step of steps) {
      const theirs = await ask(docker.command, folders.docker, step);
      const ours = await ask(strake, folders.strake, step);
      if (theirs !== ours) differences.push(`${step.join(' ')}\n--- docker\n${theirs}\n--- strake\n${ours}`);
    }
    const trees = await Promise.all(Object.values(folders).map(treeOf));
    t.deepEqual(differences, [], differences.join('\n\n'));
    t.is(trees[0], trees[1]);
  });
else test.skip('strake answers what docker answers', () => {});

/** Ids are each engine's own; the order of a diff is docker's to choose. */
function answerOf({ code, stdout }: ProgramResult, folder: string, isSorted: boolean): string {
  const text = isSorted ? stdout.split('\n').sort().join('\n') : stdout;
  return `${code}\n${text
    .replaceAll(folder, 'FOLDER')
    .replace(/\b[0-9a-f]{64}\b/g, 'ID')
    .replace(/\b[0-9a-f]{12}\b/g, 'SHORT')}`;
}

async function treeOf(folder: string): Promise<string> {
  return await mustRun('sh', [
    '-c',
    `cd ${folder} && find . ! -name cid -printf '%p %y %m %l\\n' | sort && cat taken/in followed`,
  ]);
}
