import type { Option } from 'commander';
import { invalidFlag } from './flag-values.ts';

/**
 * Go's flags, so docker's, may say `--rm=false`; commander knows `--rm` only. Answers the words in commander's form: the
 * flag alone for true, without the flag for false. Words after the first that is no flag are the command's own.
 * @throws EngineError ERR_INVALID_ARGUMENT for a value that is neither true nor false.
 */
export function withoutBooleanValues(words: readonly string[], options: readonly Option[]): string[] {
  const result: string[] = [];
  let index = 0;
  for (; index < words.length; index++) {
    const word = words[index] ?? '';
    if (!/^-./.test(word) || word === '--') break;
    const [name = '', value] = splitFlag(word);
    const option = options.find(({ long }) => long === name);
    const isBoolean = option !== undefined && !option.required && !option.optional;
    if (isBoolean && value !== undefined) {
      if (isTrue(name, value)) result.push(name);
      else if (options.some(({ long }) => long === negated(name))) result.push(negated(name));
      continue;
    }
    result.push(word);
    if (takesNextWord(word, options) && index + 1 < words.length) result.push(words[++index] ?? '');
  }
  return [...result, ...words.slice(index)];
}

/** Of a flag that is set unless one says otherwise. */
function negated(flag: string): string {
  return flag.replace(/^--/, '--no-');
}

/** `-e A=b` and `--env A=b`, the last of `-ite A=b` too; not `-eA=b` and `--env=A=b`. */
function takesNextWord(word: string, options: readonly Option[]): boolean {
  if (word.startsWith('--')) return options.some(({ long, required }) => required && long === word);
  const letters = [...word.slice(1)];
  const first = letters.findIndex((letter) =>
    options.some(({ short, required }) => required && short === `-${letter}`),
  );
  return first >= 0 && first === letters.length - 1;
}

function splitFlag(word: string): [string, string | undefined] {
  const at = word.indexOf('=');
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)];
}

/** What Go's strconv.ParseBool takes. */
function isTrue(flag: string, value: string): boolean {
  if (['true', 'True', 'TRUE', 't', 'T', '1'].includes(value)) return true;
  if (['false', 'False', 'FALSE', 'f', 'F', '0'].includes(value)) return false;
  throw invalidFlag(flag, value, 'write true or false');
}
