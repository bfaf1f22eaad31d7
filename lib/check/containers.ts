import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import {
  type ContainerLeftover,
  type ContainerRecord,
  type ContainersContext,
  endTask,
  findLeftovers,
  findOtherNames,
  isId,
  needsHealing,
  observe,
  parseContainerName,
  startsAfterReboot,
  sweepLeftover,
} from '../containers/index.ts';
import type { Digest } from '../oci/index.ts';
import { killTask, taskState } from '../runtime/index.ts';
import { type Problem, problem } from './finding.ts';
import { putAside } from './lost-and-found.ts';
import type { Survey, UnreadableRecord } from './survey.ts';

/** What is wrong with containers, their names, and what they refer to. */
export async function inspectContainers(context: ContainersContext, survey: Survey): Promise<Problem[]> {
  const found = await Promise.all([
    ...survey.unreadable.map((record) => unreadableRecord(context, record)),
    ...survey.records.map((record) => inspectRecord(context, survey, record)),
    leftovers(context, survey),
    strangers(context),
    inspectNames(context, survey),
  ]);
  return found.flat();
}

function unreadableRecord(context: ContainersContext, { id, complaint }: UnreadableRecord): Problem[] {
  const { record } = context.store.paths(id);
  const what = `container ${id.slice(0, 12)}: ${complaint}`;
  return [problem('CONTAINER_RECORD_CORRUPT', record, what, () => retire(context, id))];
}

/** Its directory is put aside, and its name, cgroup and run files go. What still runs is a person's to end. */
async function retire(context: ContainersContext, id: string): Promise<string | undefined> {
  const { store, root } = context;
  const { dir, runDir } = store.paths(id);
  const task = await taskState(runDir);
  if (task.status !== 'dead') {
    const remedy = task.status === 'running' ? `end it (kill -9 ${task.pid})` : 'wait until it has ended';
    throw new Error(`its task is ${task.status}: ${remedy}, and repair again`);
  }
  await endTask(context, id);
  const place = await putAside(root, dir);
  await store.bury(id, '.gone');
  for (const name of await store.names())
    if ((await holder(context, name)) === id) await store.dropStaleName(name);
  return place;
}

async function inspectRecord(
  context: ContainersContext,
  survey: Survey,
  record: ContainerRecord,
): Promise<Problem[]> {
  const { store, root } = context;
  const paths = store.paths(record.id);
  const of = (what: string) => `container ${record.name} (${record.id.slice(0, 12)}): ${what}`;
  if (!isJson(paths.exit)) {
    const repair = async () => {
      const place = await putAside(root, paths.exit);
      await observe(context, record);
      return place;
    };
    return [problem('CONTAINER_EXIT_CORRUPT', paths.exit, of('exit.json is damaged'), repair)];
  }
  if (!isJson(`${paths.runDir}/state.json`)) {
    const repair = async () => void (await recover(context, record));
    return [problem('CONTAINER_LOST', `${paths.runDir}/state.json`, of('state.json is damaged'), repair)];
  }
  const isLost = await needsHealing(context, record);
  const lost = problem('CONTAINER_LOST', paths.dir, of('nobody tells how it ended'), async () => {
    await observe(context, record);
    return undefined;
  });
  return [
    ...(isLost ? [lost] : await inspectRestart(context, record, of)),
    ...missingFiles(context, record, of),
    ...missingImage(context, survey, record, of),
    ...(await missingVolumes(context, record, of)),
  ];
}

/** A task whose state nobody can read is ended, and then as one that was lost. */
async function recover(context: ContainersContext, record: ContainerRecord): Promise<void> {
  const { runDir } = context.store.paths(record.id);
  if ((await taskState(runDir).catch(() => ({ status: 'dead' }))).status === 'running')
    await killTask(runDir, 9);
  await putAside(context.root, `${runDir}/state.json`);
  await endTask(context, record);
  await observe(context, record);
}

async function inspectRestart(
  context: ContainersContext,
  record: ContainerRecord,
  of: (what: string) => string,
): Promise<Problem[]> {
  const { dir, exit, stopped, runDir } = context.store.paths(record.id);
  const { restart } = record.spec;
  if (restart.policy === 'no' || !existsSync(exit) || (await taskState(runDir)).status !== 'dead') return [];
  const state = { status: 'exited' as const, ...JSON.parse(readFileSync(exit, 'utf8')) };
  const isRetired = restart.maximumRetries > 0 && (state.restarts ?? 0) >= restart.maximumRetries;
  const isDown = restart.policy !== 'always' || !existsSync(stopped);
  if (isRetired || !isDown || !startsAfterReboot(restart, state, existsSync(stopped))) return [];
  return [
    problem(
      'CONTAINER_DOWN',
      dir,
      of(`it ended with ${state.exitCode}, and its policy is ${restart.policy}`),
    ),
  ];
}

function missingFiles(
  context: ContainersContext,
  record: ContainerRecord,
  of: (what: string) => string,
): Problem[] {
  const { dir, upper, work } = context.store.paths(record.id);
  const missing = [upper, work].filter((path) => !existsSync(path));
  if (missing.length === 0 || !existsSync(dir)) return [];
  const remake = async () => {
    using _lock = await context.store.lock(record.id);
    for (const path of missing)
      if (!existsSync(path)) mkdirSync(path, { mode: path === upper ? 0o755 : 0o700 });
    return undefined;
  };
  return [problem('CONTAINER_FILES_MISSING', missing[0] ?? dir, of('upper or work is missing'), remake)];
}

function missingImage(
  { store }: ContainersContext,
  { layers }: Survey,
  { id, image }: ContainerRecord,
  of: (what: string) => string,
): Problem[] {
  const { record: path } = store.paths(id);
  if (image.directory !== null) {
    const complaint = of(`the directory ${image.directory} is gone`);
    return existsSync(image.directory) ? [] : [problem('CONTAINER_IMAGE_MISSING', path, complaint)];
  }
  const missing =
    image.chainId === null ? [] : chainOf(layers, image.chainId).filter((layer) => !layers.has(layer));
  const complaint = of(`of ${image.reference} the layer ${missing[0]} is gone`);
  return missing.length === 0 ? [] : [problem('CONTAINER_IMAGE_MISSING', path, complaint)];
}

/** A layer and those below it, as far as is known. */
export function chainOf(layers: Survey['layers'], top: Digest): Digest[] {
  return [top, ...(layers.get(top)?.ancestors ?? [])];
}

async function missingVolumes(
  { volumes }: ContainersContext,
  record: ContainerRecord,
  of: (what: string) => string,
): Promise<Problem[]> {
  return record.volumes
    .filter(({ name }) => !existsSync(volumes.directory(name)))
    .map(({ name, anonymous }) =>
      problem(
        'CONTAINER_VOLUME_MISSING',
        volumes.directory(name),
        of(`the volume ${name} is gone`),
        async () => {
          await volumes.ensure(name, { anonymous, durable: true });
          return undefined;
        },
      ),
    );
}

async function leftovers(context: ContainersContext, { records }: Survey): Promise<Problem[]> {
  const { store } = context;
  const found = [...(await findLeftovers(store)), ...(await findOtherNames(store, records))];
  return found.map((leftover) => {
    const path = pathOf(context, leftover);
    const what = `container ${leftover.id.slice(0, 12)}: ${leftoverNames[leftover.kind]}`;
    const code = 'name' in leftover ? 'NAME_STALE' : 'CONTAINER_LEFTOVER';
    return problem(code, path, what, async () => void (await sweepLeftover(context, leftover)));
  });
}

const leftoverNames: Readonly<Record<ContainerLeftover['kind'], string>> = {
  removed: 'its removal was cut short',
  draft: 'its making was cut short',
  stray: 'a directory without a record',
  record: 'a record that was being written',
  run: 'a run directory without a container',
  name: 'it is gone, and its name is still reserved',
  'other-name': 'it has another name',
};

function pathOf({ store }: ContainersContext, leftover: ContainerLeftover): string {
  if ('name' in leftover) return store.namePath(leftover.name);
  return leftover.kind === 'run' ? store.paths(leftover.id).runDir : store.entryPath(leftover.entry);
}

/** What is neither a container nor anything that could become or was one. */
async function strangers({ store, root, runDir }: ContainersContext): Promise<Problem[]> {
  const ours = /^(\.(new|removed|removed-volumes|record)-)?[0-9a-f]{64}/;
  const found = (await store.entries())
    .filter((entry) => !ours.test(entry))
    .map((entry) => store.entryPath(entry));
  const runs = `${runDir}/containers`;
  const stray = readdirSync(runs).filter((entry) => !isId(entry));
  return [...found, ...stray.map((entry) => `${runs}/${entry}`)].map((path) =>
    problem('STRANGER', path, 'this is no container', () => putAside(root, path)),
  );
}

async function inspectNames(context: ContainersContext, { records }: Survey): Promise<Problem[]> {
  const { store, root } = context;
  const problems: Problem[] = [];
  const reserved = new Set<string>();
  for (const name of await readdir(store.namePath('')).then((all) =>
    all.filter((entry) => entry !== '.lock'),
  )) {
    const path = store.namePath(name);
    const id = isName(name) ? await holder(context, name) : null;
    if (id === null)
      problems.push(problem('STRANGER', path, 'this is no name of a container', () => putAside(root, path)));
    reserved.add(`${name} ${id}`);
  }
  for (const { id, name, spec } of records) {
    if (spec.name === null || reserved.has(`${name} ${id}`)) continue;
    const reserve = async () => void (await store.reserveName(name, id));
    problems.push(
      problem(
        'CONTAINER_NAME_MISSING',
        store.namePath(name),
        `container ${name} (${id.slice(0, 12)})`,
        reserve,
      ),
    );
  }
  return problems;
}

/** null: it is no link. */
async function holder({ store }: ContainersContext, name: string): Promise<string | null> {
  return await store.holderOf(name).catch(() => null);
}

function isName(name: string): boolean {
  try {
    return parseContainerName(name) === name;
  } catch {
    return false;
  }
}

/** One that is not there is fine. */
function isJson(path: string): boolean {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT';
  }
  try {
    return typeof JSON.parse(text) === 'object';
  } catch {
    return false;
  }
}
