/** The environment that `$NAME` is looked up in. */
export type Variables = ReadonlyMap<string, string>;
type Fail = (complaint: string) => Error;

/**
 * Splits at white space as a Dockerfile does, and replaces variables: `'…'` is taken as it is, in `"…"` and outside of
 * quotes `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+instead}` are replaced, and a backslash takes the next
 * character as it is. @throws what `fail` makes
 */
export function expandWords(text: string, variables: Variables, fail: Fail): string[] {
  return rawWords(text, fail).map((word) => expand(word, variables, fail));
}

/**
 * `NAME=value …`, or `NAME value of all the line`, with variables replaced.
 * @throws what `fail` makes
 */
export function splitPairs(text: string, variables: Variables, fail: Fail): (readonly [string, string])[] {
  const words = rawWords(text, fail);
  if (!words[0]?.includes('=')) {
    const [, name = '', value = ''] = /^(\S+)\s+(.*)$/s.exec(text) ?? [];
    if (name === '') throw fail('write it as NAME=value');
    return [[name, expand(value, variables, fail, { keepQuotes: true })]];
  }
  return words.map((word) => {
    const at = word.indexOf('=');
    if (at <= 0) throw fail(`write ${JSON.stringify(word)} as NAME=value`);
    return [expand(word.slice(0, at), variables, fail), expand(word.slice(at + 1), variables, fail)] as const;
  });
}

/** Words with their quotes and backslashes. */
function rawWords(text: string, fail: Fail): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (quote === '' && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      continue;
    }
    word = (word ?? '') + character;
    if (character === '\\' && quote !== "'" && at + 1 < text.length) word += text.charAt(++at);
    else if (quote === '' && (character === '"' || character === "'")) quote = character;
    else if (character === quote) quote = '';
  }
  if (quote !== '') throw fail(`a ${quote} is not closed`);
  return word === undefined ? words : [...words, word];
}

const variable = /\$(?:\{([A-Za-z_]\w*)(?::([-+])([^}]*))?\}|([A-Za-z_]\w*))/y;

/** Takes quotes and backslashes off a word (`keepQuotes`: leaves them) and puts variables' values in. */
function expand(
  word: string,
  variables: Variables,
  fail: Fail,
  { keepQuotes = false }: { keepQuotes?: boolean } = {},
): string {
  let result = '';
  let quote = '';
  for (let at = 0; at < word.length; at++) {
    const character = word.charAt(at);
    if (character === '\\' && quote !== "'" && at + 1 < word.length) {
      at += 1;
      result += escaped(word.charAt(at), quote);
    } else if (!keepQuotes && isQuote(character, quote)) {
      quote = quote === '' ? character : '';
    } else if (character === '$' && quote !== "'") {
      variable.lastIndex = at;
      const found = variable.exec(word);
      if (found === null && word[at + 1] === '{')
        throw fail(`${JSON.stringify(word.slice(at, at + 50))} is no variable`);
      result += found === null ? character : lookUp(found, variables);
      at += (found?.[0].length ?? 1) - 1;
    } else result += character;
  }
  return result;
}

function isQuote(character: string, quote: string): boolean {
  return quote === '' ? character === '"' || character === "'" : character === quote;
}

/** Inside double quotes a backslash before anything but `"`, `$` and itself stands for itself. */
function escaped(character: string, quote: string): string {
  return quote === '"' && !'"$\\'.includes(character) ? `\\${character}` : character;
}

function lookUp([, braced, operator, word = '', bare]: RegExpExecArray, variables: Variables): string {
  const value = variables.get(braced ?? bare ?? '') ?? '';
  if (operator === '-') return value === '' ? word : value;
  if (operator === '+') return value === '' ? '' : word;
  return value;
}
