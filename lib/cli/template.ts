import { invalidFlag } from './flag-values.ts';

/**
 * The part of Go's templates that docker's --format is used for: `{{.Field}}`, `{{.Field.Inner}}`, `{{json .}}`,
 * `{{json .Field}}` and `{{println .Field}}`, with `\t` and `\n` in the text. Anything else is an error, never a wrong answer.
 */
export function compileTemplate(text: string): (value: unknown) => string {
  const parts = text
    .replaceAll('\\t', '\t')
    .replaceAll('\\n', '\n')
    .split(/\{\{-?\s*(.*?)\s*-?\}\}/);
  const steps = parts.map((part, index) => (index % 2 === 0 ? () => part : compileAction(text, part)));
  return (value) => steps.map((step) => step(value)).join('');
}

function compileAction(template: string, action: string): (value: unknown) => string {
  const match = /^(?:(json|println)\s+)?(\.(?:[A-Za-z0-9_]+(?:\.[A-Za-z0-9_]+)*)?)$/.exec(action);
  if (!match) {
    throw invalidFlag(
      '--format',
      template,
      `{{${action}}} is not supported: use {{.Field}}, {{json .}} or \`json\``,
    );
  }
  const [, name, path = '.'] = match;
  const fields = path.slice(1).split('.').filter(Boolean);
  if (name === 'json') return (value) => JSON.stringify(select(template, value, fields));
  const print = (value: unknown) => show(select(template, value, fields));
  return name === 'println' ? (value) => `${print(value)}\n` : print;
}

function select(template: string, value: unknown, fields: readonly string[]): unknown {
  return fields.reduce<unknown>((current, field) => {
    const key = typeof current === 'object' && current !== null ? findKey(current, field) : undefined;
    if (key === undefined) throw invalidFlag('--format', template, `there is no field .${fields.join('.')}`);
    return (current as Record<string, unknown>)[key];
  }, value);
}

/** Our inspect output has lower-case names where docker's are upper-case. */
function findKey(object: object, field: string): string | undefined {
  return (
    Object.keys(object).find((key) => key === field) ??
    Object.keys(object).find((key) => key.toLowerCase() === field.toLowerCase())
  );
}

function show(value: unknown): string {
  return typeof value === 'object' && value !== null ? JSON.stringify(value) : String(value ?? '<no value>');
}
