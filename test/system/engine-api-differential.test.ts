import test from 'ava';
import {
  type ApiAnswer,
  type ApiCall,
  Chance,
  callApi,
  firstCall,
  randomCall,
} from '../fixtures/api-calls.ts';
import { type ApiDaemon, dockerCommand, startDockerApi, startStrakeApi } from '../fixtures/api-daemon.ts';
import { reasonOf } from '../fixtures/api-differences.ts';
import { shapeDifferences } from '../fixtures/json-shape.ts';
import { canRun } from '../fixtures/oci-engines.ts';

const sequences = Number(process.env.STRAKE_FUZZ_SEQUENCES ?? 12);
const firstSeed = Number(process.env.STRAKE_FUZZ_SEED ?? 1);
const callsOfSequence = 30;

if (await canRun(dockerCommand, 'dockerd', 'containerd', 'ctr', 'skopeo')) defineTests();
else test.skip('random calls are answered by strake serve as by dockerd', () => {});

function defineTests(): void {
  let strake: ApiDaemon;
  let dockerd: ApiDaemon;

  test.before(async () => {
    [strake, dockerd] = await Promise.all([startStrakeApi(), startDockerApi()]);
  });

  test.after.always(async () => {
    await Promise.all([strake?.[Symbol.asyncDispose](), dockerd?.[Symbol.asyncDispose]()]);
  });

  for (let seed = firstSeed; seed < firstSeed + sequences; seed++)
    test.serial(
      `sequence ${seed}: statuses, shapes and events are dockerd's, or differ for a known reason`,
      async (t) => {
        t.timeout(120_000);
        const since = Date.now();
        try {
          const { differences, made, areAlike } = await compareSequence(seed);
          t.deepEqual(differences, [], `STRAKE_FUZZ_SEED=${seed}; the calls:\n${made.join('\n')}`);
          if (!areAlike) return;
          const [ours, theirs] = await Promise.all(
            [strake, dockerd].map((daemon) => eventsOf(daemon, since)),
          );
          t.deepEqual(ours, theirs, `STRAKE_FUZZ_SEED=${seed}; the calls:\n${made.join('\n')}`);
        } finally {
          await Promise.all([strake, dockerd].map(clean));
        }
      },
    );

  /** Ends early where a call has succeeded at one of them alone: from there on they are in different states. */
  async function compareSequence(seed: number): Promise<Compared> {
    const chance = new Chance(seed);
    const [differences, made]: [string[], string[]] = [[], []];
    for (let at = 0; at < callsOfSequence; at++) {
      const call = at === 0 ? firstCall : randomCall(chance);
      const [ours, theirs] = await Promise.all([strake, dockerd].map(({ socket }) => callApi(socket, call)));
      made.push(`${call.method} ${call.path} ${JSON.stringify(call.body ?? '')} -> ${ours!.status}`);
      differences.push(...unexplained(call, ours!, theirs!));
      if (ours!.status !== theirs!.status && (ours!.status < 400 || theirs!.status < 400))
        return { differences, made, areAlike: false };
    }
    return { differences, made, areAlike: true };
  }
}

interface Compared {
  readonly differences: readonly string[];
  readonly made: readonly string[];
  /** Whether both are in the same state still. */
  readonly areAlike: boolean;
}

function unexplained(call: ApiCall, ours: ApiAnswer, theirs: ApiAnswer): string[] {
  const name = `${call.method} ${call.path.replace(/\?.*/, '')}`;
  const isSame = ours.status === theirs.status;
  const found = isSame ? shapeDifferences(theirs.json, ours.json) : [`${ours.status} for ${theirs.status}`];
  const said = isSame ? '' : `: ${JSON.stringify(ours.json)}, dockerd: ${JSON.stringify(theirs.json)}`;
  return found.filter((one) => reasonOf(name, one) === undefined).map((one) => `${name}: ${one}${said}`);
}

/** What was told of each container, in order, by its name. */
async function eventsOf(daemon: ApiDaemon, since: number): Promise<Record<string, string[]>> {
  const period = ['--since', String(since / 1000), '--until', String(Date.now() / 1000)];
  const told = await daemon.must(
    'events',
    ...period,
    '--filter',
    'type=container',
    '--format',
    '{{.Actor.ID}} {{.Action}}',
  );
  const byContainer = new Map<string, string[]>();
  for (const line of told.split('\n').filter(Boolean)) {
    const [id = '', action = ''] = line.split(' ');
    byContainer.set(id, [...(byContainer.get(id) ?? []), action]);
  }
  const whole = [...byContainer.values()].filter(([first]) => first === 'create'); // others are of the sequence before
  return Object.fromEntries(whole.map((actions, at) => [`container ${at + 1}`, actions]));
}

async function clean(daemon: ApiDaemon): Promise<void> {
  const ids = (await daemon.must('ps', '-aq')).split('\n').filter(Boolean);
  if (ids.length > 0) await daemon.must('rm', '-f', '-v', ...ids);
  for (const image of ['copy:one', 'copy:two']) await daemon.docker(['rmi', image]);
  const named = await daemon.must('volume', 'ls', '-q');
  if (named !== '') await daemon.must('volume', 'rm', '-f', ...named.split('\n'));
  await daemon.must('network', 'prune', '-f');
}
