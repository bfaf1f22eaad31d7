import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../errors/index.ts';
import { type CdiContainerEdits, type CdiSpec, parseCdiSpec } from './spec.ts';

/** Where spec files are looked for: SPEC.md, "CDI JSON Specification". Later ones come before earlier ones. */
export const defaultCdiDirectories: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

export interface CdiOptions {
  readonly directories: readonly string[];
}

/** What all of the devices together need: of each spec first what is for every device of it, once. */
export type CdiEdits = CdiContainerEdits;

/** Bytes of a spec file, which is a few kilobytes. */
const largestFile = 4 * 2 ** 20;

interface SpecFile {
  readonly path: string;
  /** Of its directory: the higher comes first. */
  readonly priority: number;
  readonly spec: CdiSpec | EngineError;
}

/**
 * Finds devices by their qualified names. Files that cannot be read matter only when a device is missing. Reads the directories
 * anew: nothing is cached, since vendors write them whenever a device comes or goes.
 * @throws EngineError ERR_CDI_DEVICE_NOT_FOUND, ERR_CDI_SPEC_INVALID
 */
export async function findCdiEdits(names: readonly string[], { directories }: CdiOptions): Promise<CdiEdits> {
  const files = (await Promise.all(directories.map(readSpecs))).flat();
  const edits: CdiContainerEdits[] = [];
  const used = new Set<CdiSpec>();
  for (const name of names) {
    const { spec, device } = find(name, files, directories);
    if (!used.has(spec)) edits.push(spec.edits);
    used.add(spec);
    edits.push(device.edits);
  }
  return {
    env: edits.flatMap(({ env }) => env),
    deviceNodes: edits.flatMap(({ deviceNodes }) => deviceNodes),
    mounts: edits.flatMap(({ mounts }) => mounts),
    hooks: edits.flatMap(({ hooks }) => hooks),
    additionalGids: [...new Set(edits.flatMap(({ additionalGids }) => additionalGids))],
  };
}

function find(name: string, files: readonly SpecFile[], directories: readonly string[]) {
  const [kind, device] = name.split('=');
  const found = files.flatMap(({ spec, path, priority }) => {
    if (spec instanceof EngineError || spec.kind !== kind) return [];
    return spec.devices
      .filter((one) => one.name === device)
      .map((one) => ({ spec, device: one, path, priority }));
  });
  const best = Math.max(...found.map(({ priority }) => priority));
  const [first, second] = found.filter(({ priority }) => priority === best);
  if (first === undefined) throw notFound(name, files, directories);
  if (second !== undefined) throw conflict(name, first.path, second.path);
  return first;
}

async function readSpecs(directory: string, priority: number): Promise<SpecFile[]> {
  const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return [];
    throw error;
  });
  const paths = names.filter((name) => /\.(json|yaml)$/.test(name)).map((name) => join(directory, name));
  return await Promise.all(
    paths.sort().map(async (path) => ({ path, priority, spec: await readSpec(path).catch(asError(path)) })),
  );
}

async function readSpec(path: string): Promise<CdiSpec> {
  const { size } = await stat(path);
  if (size > largestFile) throw unreadable(path, `it has more than ${largestFile} bytes`);
  const text = await readFile(path, 'utf8');
  if (path.endsWith('.json')) return parseCdiSpec(JSON.parse(text), path);
  const { parse } = await import('yaml');
  return parseCdiSpec(parse(text, { maxAliasCount: 100 }), path);
}

function asError(path: string): (error: unknown) => EngineError {
  return (error) =>
    error instanceof EngineError ? error : unreadable(path, (error as Error).message, error);
}

function unreadable(path: string, why: string, cause?: unknown): EngineError {
  return new EngineError('ERR_CDI_SPEC_INVALID', `invalid CDI spec file ${path}: ${why.split('\n')[0]}`, {
    cause,
    details: { path },
  });
}

/** docker's words, and where was looked; what is wrong with a file that may have had it. */
function notFound(name: string, files: readonly SpecFile[], directories: readonly string[]): EngineError {
  const broken = files.map(({ spec }) => spec).filter((spec) => spec instanceof EngineError);
  const where =
    files.length > 0 ? files.map(({ path }) => path).join(', ') : `a file in ${directories.join(' or ')}`;
  const reasons = broken.map(({ message }) => `; ${message}`).join('');
  return new EngineError(
    'ERR_CDI_DEVICE_NOT_FOUND',
    `unresolvable CDI device ${name}: no spec has it, looked for in ${where}${reasons}`,
    { details: { device: name, directories } },
  );
}

function conflict(name: string, one: string, other: string): EngineError {
  return new EngineError(
    'ERR_CDI_SPEC_INVALID',
    `conflicting CDI device ${name}: ${one} and ${other} both have it; remove one of them`,
    { details: { device: name, paths: [one, other] } },
  );
}
