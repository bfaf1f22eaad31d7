import { setTimeout as delay } from 'node:timers/promises';
import type { ContainersContext } from '../containers/index.ts';
import { EngineError } from '../errors/index.ts';
import type { Images } from '../images/index.ts';
import type { Snapshotter } from '../snapshots/index.ts';
import { inspectCgroups } from './cgroups.ts';
import { inspectContainers } from './containers.ts';
import type { CheckOptions, CheckReport, Finding, Problem, RepairOutcome } from './finding.ts';
import { inspectImages } from './images.ts';
import { inspectJournal, inspectPlaces, inspectUnit } from './places.ts';
import { type Survey, takeSurvey } from './survey.ts';
import { inspectVolumes } from './volumes.ts';

/** What a check looks at, and what it repairs with. */
export interface CheckContext {
  readonly containers: ContainersContext;
  readonly images: Pick<Images, 'sweep' | 'scrub'>;
  readonly snapshots: Pick<Snapshotter, 'quarantine'>;
  /** Of systemd, where `system install-unit` writes it. */
  readonly unit: string;
}

/** Milliseconds between looks: nearly all that was on its way has arrived after the first pause, on a crowded machine after the second. */
const pauses = [300, 2000];

/** See System.check. */
export async function checkRoot(context: CheckContext, options: CheckOptions = {}): Promise<CheckReport> {
  const { survey, problems } = await lookAgain(context, options.signal);
  const findings = problems.map(asFinding);
  const { records, unreadable, names, layers, blobs } = survey;
  const volumes = (await context.containers.volumes.list()).length;
  const checked = {
    containers: records.length + unreadable.length,
    images: new Set(names.map(({ config }) => config.digest)).size,
    layers: layers.size,
    blobs: blobs.length,
    volumes,
  };
  return {
    checked,
    findings,
    repairs: options.repair ? await repairAll(context, problems, options.signal) : [],
  };
}

/** Others use the root meanwhile: what is not there any more at a later look was on its way. */
async function lookAgain(context: CheckContext, signal?: AbortSignal): Promise<Look> {
  let last = await look(context, signal);
  for (const pause of pauses) {
    if (last.problems.length === 0) break;
    await delay(pause);
    const seen = new Set(last.problems.map(keyOf));
    const { survey, problems } = await look(context, signal);
    last = { survey, problems: problems.filter((problem) => seen.has(keyOf(problem))) };
  }
  return last;
}

interface Look {
  readonly survey: Survey;
  readonly problems: readonly Problem[];
}

async function look(
  { containers, images, snapshots, unit }: CheckContext,
  signal?: AbortSignal,
): Promise<Look> {
  throwIfAborted(signal);
  const { root, runDir, store, volumes } = containers;
  const survey = await takeSurvey(root, store);
  const journal = await inspectJournal(root);
  throwIfAborted(signal);
  const problems = [
    ...inspectPlaces(root, runDir),
    ...journal.problems,
    ...(await inspectVolumes(root, volumes)),
    ...(await inspectContainers(containers, survey)),
    ...(await inspectCgroups(containers, survey, journal.mentioned)),
    ...(await inspectImages({ root, images, snapshots }, survey)),
    ...inspectUnit(root, unit),
  ];
  return { survey, problems: [...new Map(problems.map((problem) => [keyOf(problem), problem])).values()] };
}

/** One after the other, in the order of what depends on what; a mended one may have mended others. */
async function repairAll(
  context: CheckContext,
  problems: readonly Problem[],
  signal?: AbortSignal,
): Promise<RepairOutcome[]> {
  const attempts: { problem: Problem; place?: string | undefined; failure?: string }[] = [];
  for (const problem of problems) {
    throwIfAborted(signal);
    const { repair } = problem;
    if (repair === undefined) attempts.push({ problem, failure: `only a person can: ${problem.remedy}` });
    else
      await repair().then(
        (place) => attempts.push({ problem, place }),
        (error: Error) => attempts.push({ problem, failure: error.message }),
      );
  }
  const left = new Set(problems.length === 0 ? [] : (await lookAgain(context, signal)).problems.map(keyOf));
  return attempts.map(({ problem, place, failure }) => {
    const repaired = !left.has(keyOf(problem));
    const { code, path } = problem;
    return {
      code,
      path,
      repaired,
      ...(place !== undefined && { place }),
      ...(!repaired && { failure: failure ?? 'it is there again' }),
    };
  });
}

function keyOf({ code, path }: Pick<Finding, 'code' | 'path'>): string {
  return `${code} ${path}`;
}

function asFinding({ code, path, what, means, remedy }: Problem): Finding {
  return { code, path, what, means, remedy };
}

function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted)
    throw new EngineError('ERR_ABORTED', 'the check was aborted', { cause: signal.reason });
}
