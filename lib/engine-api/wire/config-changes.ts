import type { Fields } from '../json-fields.ts';

/**
 * Docker's ContainerConfig, as far as it is an image's, as the Dockerfile instructions that make it: what a commit is asked to
 * override. What is empty overrides nothing, as docker has it.
 */
export function configChanges(config: Fields): string[] {
  const pairs = (keyword: string, entries: readonly (readonly [string, string])[]) =>
    entries.map(([name, value]) => `${keyword} ${quoted(name)}=${quoted(value)}`);
  const words = (keyword: string, values: readonly string[] | undefined) =>
    values === undefined || values.length === 0 ? [] : [`${keyword} ${JSON.stringify(values)}`];
  const one = (keyword: string, value: string | undefined) => (value ? [`${keyword} ${quoted(value)}`] : []);
  return [
    ...pairs('ENV', (config.texts('Env') ?? []).map(splitPair)),
    ...words('ENTRYPOINT', config.textOrTexts('Entrypoint')),
    ...words('CMD', config.textOrTexts('Cmd')),
    ...(config.keys('ExposedPorts') ?? []).map((port) => `EXPOSE ${quoted(port)}`),
    ...words('VOLUME', config.keys('Volumes')),
    ...one('WORKDIR', config.text('WorkingDir')),
    ...one('USER', config.text('User')),
    ...one('STOPSIGNAL', config.text('StopSignal')),
    ...pairs('LABEL', Object.entries(config.textMap('Labels') ?? {})),
    ...(config.texts('OnBuild') ?? []).map((trigger) => `ONBUILD ${trigger}`),
  ];
}

function splitPair(text: string): readonly [string, string] {
  const at = text.indexOf('=');
  return at === -1 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** A word of an instruction that stands for itself: nothing in it is replaced. */
function quoted(text: string): string {
  return `"${text.replace(/["$\\]/g, '\\$&')}"`;
}
