/** What a template does, one thing after the other. */
export type Action =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly expression: Expression }
  | {
      readonly kind: 'if' | 'with';
      readonly condition: Expression;
      readonly body: readonly Action[];
      readonly otherwise: readonly Action[];
    }
  | {
      readonly kind: 'range';
      readonly key?: string | undefined;
      readonly value?: string | undefined;
      readonly over: Expression;
      readonly body: readonly Action[];
      readonly otherwise: readonly Action[];
    };

/** What has a value. The base of a field is `.`, `$` or a variable. */
export type Expression =
  | { readonly kind: 'literal'; readonly value: string | number | boolean }
  | { readonly kind: 'field'; readonly base: string; readonly path: readonly string[] }
  | { readonly kind: 'call'; readonly name: string; readonly arguments: readonly Expression[] };

type Fail = (complaint: string) => Error;

/** @throws what `fail` makes of a complaint */
export function parseTemplate(text: string, fail: Fail, isFunction: (name: string) => boolean): Action[] {
  return new Parser(tokensOf(text), fail, isFunction).parse();
}

type Token = { readonly action: boolean; readonly text: string };

/** Text and actions by turns. `{{-` and `-}}` eat the white space beside them. */
function tokensOf(text: string): Token[] {
  const parts = text
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n')
    .replace(/\s*\{\{-(?=\s)/g, '{{')
    .replace(/(?<=\s)-\}\}\s*/g, '}}')
    .split(/\{\{(.*?)\}\}/s);
  return parts.map((part, at) => ({ action: at % 2 === 1, text: at % 2 === 1 ? part.trim() : part }));
}

const keywords = /^(if|else|end|range|with)\b\s*(.*)$/s;

class Parser {
  readonly #tokens: readonly Token[];
  readonly #fail: Fail;
  readonly #isFunction: (name: string) => boolean;
  #at = 0;

  constructor(tokens: readonly Token[], fail: Fail, isFunction: (name: string) => boolean) {
    this.#tokens = tokens;
    this.#fail = fail;
    this.#isFunction = isFunction;
  }

  parse(): Action[] {
    const actions = this.#block();
    if (this.#at < this.#tokens.length) throw this.#fail('there is an end or else too many');
    return actions;
  }

  /** Up to the `end` or `else` that closes it, or to the end. */
  #block(): Action[] {
    const actions: Action[] = [];
    for (; this.#at < this.#tokens.length; this.#at++) {
      const { action, text } = this.#tokens[this.#at] as Token;
      if (!action) {
        if (text !== '') actions.push({ kind: 'text', text });
        continue;
      }
      if (text.startsWith('/*')) continue;
      const [, keyword, rest = ''] = keywords.exec(text) ?? [];
      if (keyword === 'end' || keyword === 'else') break;
      actions.push(keyword === undefined ? this.#print(text) : this.#control(keyword, rest));
    }
    return actions;
  }

  #print(text: string): Action {
    return { kind: 'print', expression: this.#pipeline(text) };
  }

  #control(keyword: string, rest: string): Action {
    this.#at++;
    const body = this.#block();
    const otherwise = this.#otherwise();
    if (keyword !== 'range')
      return { kind: keyword as 'if' | 'with', condition: this.#pipeline(rest), body, otherwise };
    const [, names, over] = /^((?:\$\w+\s*,\s*)?\$\w+)\s*:=\s*(.*)$/s.exec(rest) ?? [];
    const variables = names?.split(/\s*,\s*/) ?? [];
    const [key, value] = variables.length === 1 ? [undefined, variables[0]] : variables;
    return { kind: 'range', key, value, over: this.#pipeline(over ?? rest), body, otherwise };
  }

  /** Stands at `end` or `else`; afterwards at `end`. */
  #otherwise(): Action[] {
    const closing = this.#tokens[this.#at];
    if (closing === undefined) throw this.#fail('an end is missing');
    const [, keyword, rest = ''] = keywords.exec(closing.text) ?? [];
    if (keyword === 'end') return [];
    const [, chained, condition = ''] = keywords.exec(rest) ?? [];
    if (chained !== undefined) return [this.#control(chained, condition)];
    this.#at++;
    const actions = this.#block();
    if (this.#tokens[this.#at]?.text !== 'end') throw this.#fail('an end is missing');
    return actions;
  }

  /** `a | f x | g`: each is the last argument of the next. */
  #pipeline(text: string): Expression {
    const words = this.#words(text);
    const commands: string[][] = [[]];
    for (const word of words) {
      if (word === '|') commands.push([]);
      else commands.at(-1)?.push(word);
    }
    return commands.reduce<Expression | undefined>(
      (before, command) => this.#command(command, before, text),
      undefined,
    ) as Expression;
  }

  #command(words: readonly string[], before: Expression | undefined, text: string): Expression {
    const [first, ...rest] = words;
    if (first === undefined) throw this.#fail(`{{${text}}} is not supported: an expression is missing`);
    const tail = before === undefined ? [] : [before];
    if (/^[a-z]\w*$/i.test(first) && !isLiteral(first)) {
      if (!this.#isFunction(first))
        throw this.#fail(`{{${text}}} is not supported: there is no function ${first}`);
      return {
        kind: 'call',
        name: first,
        arguments: [...rest.map((word) => this.#operand(word, text)), ...tail],
      };
    }
    if (rest.length > 0 || before !== undefined)
      throw this.#fail(`{{${text}}} is not supported: use {{.Field}}, {{json .}} or \`json\``);
    return this.#operand(first, text);
  }

  #operand(word: string, text: string): Expression {
    if (word.startsWith('(') && word.endsWith(')')) return this.#pipeline(word.slice(1, -1));
    if (/^["`]/.test(word)) return { kind: 'literal', value: this.#string(word) };
    if (/^-?\d+(\.\d+)?$/.test(word)) return { kind: 'literal', value: Number(word) };
    if (isLiteral(word)) return { kind: 'literal', value: word === 'true' };
    const [, base = '', path = ''] = /^(\.|\$\w*)((?:\.?\w+(?:\.\w+)*)?)$/.exec(word) ?? [];
    if (base === '') throw this.#fail(`{{${text}}} is not supported: use {{.Field}}, {{json .}} or \`json\``);
    return { kind: 'field', base, path: path.split('.').filter(Boolean) };
  }

  #string(word: string): string {
    if (word.startsWith('`')) return word.slice(1, -1);
    try {
      return JSON.parse(word) as string;
    } catch {
      throw this.#fail(`${word} is no string`);
    }
  }

  /** Strings, parenthesised expressions, `|`, and whatever has no white space in it. */
  #words(text: string): string[] {
    const words: string[] = [];
    for (let rest = text.trim(); rest !== ''; ) {
      const word = rest.startsWith('(')
        ? parenthesised(rest)
        : (/^(?:"(?:[^"\\]|\\.)*"|`[^`]*`|\||[^\s|"`]+)/.exec(rest)?.[0] ?? '');
      if (word === '') throw this.#fail(`{{${text}}} is not supported: it does not end`);
      words.push(word);
      rest = rest.slice(word.length).trimStart();
    }
    return words;
  }
}

function isLiteral(word: string): boolean {
  return word === 'true' || word === 'false';
}

/** Up to the parenthesis that closes the first; empty when none does. */
function parenthesised(text: string): string {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') depth++;
    if (text[at] === ')' && --depth === 0) return text.slice(0, at + 1);
  }
  return '';
}
