import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { cgroupProcesses } from '../../bindings/cgroup.ts';
import { EngineError } from '../errors/index.ts';
import { announce } from './announce.ts';
import { cgroupOf } from './bundle.ts';
import type { ContainersContext } from './context.ts';
import { observe } from './observe.ts';
import type { ContainerRecord } from './record.ts';
import { requireState } from './state.ts';

/** A table of processes: `rows` have as many cells as there are `titles`. Pids are those of this machine. */
export interface ProcessTable {
  readonly titles: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/**
 * The processes of a container as this machine's ps(1) shows them, which is docker's way: `psArgs` are its arguments and
 * must leave a column PID. ERR_CONTAINER_STATE; ERR_INVALID_ARGUMENT for arguments that ps refuses.
 */
export async function listProcesses(
  context: ContainersContext,
  record: ContainerRecord,
  psArgs: readonly string[] = ['-ef'],
): Promise<ProcessTable> {
  requireState('top', record.name, (await observe(context, record)) ?? { status: 'created' });
  const pids = new Set((await cgroupProcesses(cgroupOf(record))).map(String));
  const [head = '', ...lines] = (await ps(psArgs)).split('\n').filter((line) => line !== '');
  const titles = head.trim().split(/\s+/);
  const column = titles.indexOf('PID');
  if (column < 0) throw refused(psArgs, 'its output has no column PID');
  const rows = lines.map((line) => cells(line, titles.length));
  announce(context, record, 'top');
  return { titles, rows: rows.filter((row) => pids.has(row[column] ?? '')) };
}

async function ps(args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('ps', [...args], {
      env: { PATH: process.env.PATH, LC_ALL: 'C.UTF-8', COLUMNS: '4096' },
      maxBuffer: 256 * 2 ** 20,
    });
    return stdout;
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT')
      throw new EngineError('ERR_INVALID_ARGUMENT', 'this machine has no ps: install procps', {
        cause: error,
      });
    throw refused(args, stderr?.trim().split('\n')[0] || (error as Error).message);
  }
}

function refused(args: readonly string[], why: string): EngineError {
  return new EngineError('ERR_INVALID_ARGUMENT', `ps ${args.join(' ')} cannot be used for top: ${why}`);
}

/** The last cell is a command line, which has spaces of its own. */
function cells(line: string, count: number): string[] {
  const words = line.trim().split(/\s+/);
  const last = new RegExp(`^\\s*(?:\\S+\\s+){${count - 1}}`).exec(line)?.[0].length ?? line.length;
  return [...words.slice(0, count - 1), line.slice(last)];
}
