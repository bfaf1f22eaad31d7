import { posix } from 'node:path';
import { EngineError } from '../errors/index.ts';
import type { ImageProcess } from '../oci/index.ts';
import { parseExposed } from './change-ports.ts';
import { expandWords, splitPairs, type Variables } from './change-words.ts';
import { parseHealthcheck } from './parse-healthcheck.ts';

/**
 * Applies Dockerfile instructions to an image's process defaults, one after the other, as `--change` of docker's commit
 * and import does: CMD ENTRYPOINT ENV EXPOSE HEALTHCHECK LABEL ONBUILD STOPSIGNAL USER VOLUME WORKDIR, in any case, one or
 * more lines each. `$NAME` and `${NAME}` are replaced from the environment as it then is. A new ENTRYPOINT drops the CMD
 * that belonged to the old one, unless a CMD is among the changes.
 * @throws EngineError ERR_IMAGE_CHANGE_INVALID, which names the instruction
 */
export function applyChanges(process: ImageProcess, changes: readonly string[]): ImageProcess {
  const instructions = changes.flatMap(linesOf).map(parseInstruction);
  const setsCmd = instructions.some(({ name }) => name === 'CMD');
  let changed = process;
  for (const instruction of instructions) {
    changed = applyOne(changed, instruction);
    if (instruction.name === 'ENTRYPOINT' && !setsCmd) changed = { ...changed, cmd: [] };
  }
  return changed;
}

/** One instruction: its name in capitals, and what follows it. */
interface Instruction {
  readonly name: string;
  readonly rest: string;
  /** As it was written, for messages. */
  readonly text: string;
}

type Apply = (process: ImageProcess, instruction: Instruction) => Partial<ImageProcess>;

const instructionTable: Readonly<Record<string, Apply>> = {
  CMD: (process, instruction) => ({ cmd: commandOf(process, instruction) }),
  ENTRYPOINT: (process, instruction) => ({ entrypoint: commandOf(process, instruction) }),
  ENV: (process, instruction) => ({ env: withEnvironment(process.env, pairsOf(process, instruction)) }),
  LABEL: (process, instruction) => ({
    labels: { ...process.labels, ...Object.fromEntries(pairsOf(process, instruction)) },
  }),
  EXPOSE: (process, instruction) => {
    const ports = wordsOf(process, instruction).flatMap((word) => parseExposed(word, invalidOf(instruction)));
    return { exposedPorts: distinct([...process.exposedPorts, ...ports]) };
  },
  VOLUME: (process, instruction) => {
    const paths = jsonList(instruction) ?? wordsOf(process, instruction);
    return { volumes: distinct([...process.volumes, ...paths]) };
  },
  USER: (process, instruction) => ({ user: oneWord(process, instruction) }),
  STOPSIGNAL: (process, instruction) => ({ stopSignal: oneWord(process, instruction) }),
  WORKDIR: (process, instruction) => ({
    workingDir: posix.resolve('/', process.workingDir ?? '/', oneLine(process, instruction)),
  }),
  ONBUILD: (process, instruction) => ({ onBuild: [...process.onBuild, triggerOf(instruction)] }),
  HEALTHCHECK: (process, instruction) => ({
    healthcheck: parseHealthcheck(instruction.rest, {
      command: (rest) => jsonList({ ...instruction, rest }),
      fail: invalidOf(instruction),
      shell: shellOf(process),
    }),
  }),
};

function applyOne(process: ImageProcess, instruction: Instruction): ImageProcess {
  const apply = Object.hasOwn(instructionTable, instruction.name)
    ? instructionTable[instruction.name]
    : undefined;
  if (apply === undefined) {
    throw invalidOf(instruction)(
      `${instruction.name} cannot be changed: known are ${Object.keys(instructionTable).join(' ')}`,
    );
  }
  if (instruction.rest === '') throw invalidOf(instruction)('a value is missing');
  return { ...process, ...apply(process, instruction) };
}

/** Lines that end in a backslash go on in the next; empty ones and comments are nothing. */
function linesOf(change: string): string[] {
  return change
    .replace(/\\[ \t]*\r?\n/g, '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function parseInstruction(text: string): Instruction {
  const [, name = '', rest = ''] = /^(\S+)\s*(.*)$/s.exec(text) ?? [];
  return { name: name.toUpperCase(), rest: rest.trim(), text };
}

/** A JSON list of strings is executed as it is; anything else by a shell. */
function commandOf(process: ImageProcess, instruction: Instruction): readonly string[] {
  return jsonList(instruction) ?? [...shellOf(process), instruction.rest];
}

function shellOf(process: ImageProcess): readonly string[] {
  return process.shell ?? ['/bin/sh', '-c'];
}

/** Undefined when it is no JSON list: docker then takes the text for a shell's. */
function jsonList({ rest }: Instruction): string[] | undefined {
  if (!rest.startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(rest);
    return Array.isArray(value) && value.every((word) => typeof word === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}

function wordsOf(process: ImageProcess, instruction: Instruction): string[] {
  return expandWords(instruction.rest, variablesOf(process), invalidOf(instruction));
}

/** `a=1 b="2 3"`, or `a all the rest`. */
function pairsOf(process: ImageProcess, instruction: Instruction): (readonly [string, string])[] {
  return splitPairs(instruction.rest, variablesOf(process), invalidOf(instruction));
}

function oneWord(process: ImageProcess, instruction: Instruction): string {
  const [word, ...others] = wordsOf(process, instruction);
  if (word === undefined || others.length > 0) throw invalidOf(instruction)('it takes one value');
  return word;
}

/** A path may have spaces. */
function oneLine(process: ImageProcess, instruction: Instruction): string {
  return wordsOf(process, instruction).join(' ');
}

function triggerOf(instruction: Instruction): string {
  const { name } = parseInstruction(instruction.rest);
  if (['ONBUILD', 'FROM', 'MAINTAINER'].includes(name))
    throw invalidOf(instruction)(`${name} is not allowed as an ONBUILD trigger`);
  return instruction.rest;
}

function variablesOf({ env }: ImageProcess): Variables {
  return new Map(env.map((line) => [line.replace(/=.*$/s, ''), line.replace(/^[^=]*=?/, '')]));
}

/** A name that is there keeps its place. */
function withEnvironment(
  env: readonly string[],
  pairs: readonly (readonly [string, string])[],
): readonly string[] {
  const lines = new Map(env.map((line) => [line.replace(/=.*$/s, ''), line]));
  for (const [name, value] of pairs) lines.set(name, `${name}=${value}`);
  return [...lines.values()];
}

function distinct(values: readonly string[]): string[] {
  return [...new Set(values)];
}

function invalidOf({ text }: Instruction): (complaint: string) => EngineError {
  return (complaint) =>
    new EngineError(
      'ERR_IMAGE_CHANGE_INVALID',
      `invalid change ${JSON.stringify(text.slice(0, 200))}: ${complaint}`,
      { details: { change: text.slice(0, 1000) } },
    );
}
