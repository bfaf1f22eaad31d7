import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { mustRun, runProgram } from '../../test/fixtures/run-program.ts';
import { checkout } from './sandbox.ts';

/** Compiles one of the bench's C programs; answers its path. */
export async function compile(source: string): Promise<string> {
  const folder = join(checkout, 'build/bench');
  mkdirSync(folder, { recursive: true });
  const program = join(folder, source.replace(/^.*\//, '').replace(/\.c$/, ''));
  await mustRun('gcc', ['-O2', '-Wall', '-Wextra', '-o', program, join(checkout, 'bench', source)]);
  return program;
}

/** Whether a peer is installed; says on the console when it is not. */
export async function installed(program: string): Promise<boolean> {
  const { code } = await runProgram('sh', ['-c', 'command -v "$0"', program]);
  if (code !== 0)
    console.log(
      `skipped: ${program} is not installed (script/setup --tests installs what this machine's sources have)`,
    );
  return code === 0;
}

/** A program that answers each request on its input with one line of output. */
export class LineProgram {
  readonly #input: Writable;
  readonly #lines: AsyncIterator<string>;
  readonly #reader: Interface;
  readonly #exited: Promise<unknown>;

  constructor(program: string, argv: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    const child = spawn(program, argv, { stdio: ['pipe', 'pipe', 'inherit'], env });
    this.#input = child.stdin as Writable;
    this.#reader = createInterface({ input: child.stdout as Readable });
    this.#lines = this.#reader[Symbol.asyncIterator]();
    this.#exited = once(child, 'exit');
  }

  async ask(request: string): Promise<string> {
    this.#input.write(request);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error('the measuring program has ended');
    return value;
  }

  async close(): Promise<void> {
    this.#input.end();
    await this.#exited;
    this.#reader.close();
  }
}

/** What a program took. */
export interface Usage {
  readonly milliseconds: number;
  /** Milliseconds of processor time. */
  readonly cpu: number;
  /** The most memory that it, or one of its children, had at once, in KiB. */
  readonly peak: number;
}

/** Times programs from vfork to reaped, by a small C parent: Node's own way to start them would cost each some milliseconds. */
export class Stopwatch {
  readonly #program: LineProgram;

  private constructor(program: LineProgram) {
    this.#program = program;
  }

  static async start(env?: NodeJS.ProcessEnv): Promise<Stopwatch> {
    return new Stopwatch(new LineProgram(await compile('harness/stopwatch.c'), [], env));
  }

  /** Milliseconds. A program that fails is an error. */
  async time(argv: readonly string[]): Promise<number> {
    return (await this.measure(argv)).milliseconds;
  }

  /** The same, with what it used, its children included. */
  async measure(argv: readonly string[]): Promise<Usage> {
    const answer = await this.#program.ask(`${argv.length}\n${argv.map((word) => `${word}\0`).join('')}`);
    const [nanoseconds = '', status, cpu, peak] = answer.split(' ');
    if (status !== '0') throw new Error(`${argv.join(' ')} ended with ${status}`);
    return { milliseconds: Number(nanoseconds) / 1e6, cpu: Number(cpu) / 1e6, peak: Number(peak) };
  }

  close(): Promise<void> {
    return this.#program.close();
  }
}
