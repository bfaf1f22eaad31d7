import { isRepositoryPath, isTag } from '../reference/index.ts';
import { Refusal } from './refusal.ts';

declare const repositoryName: unique symbol;
declare const tagName: unique symbol;

/** A repository's path, as the distribution-spec's grammar has it. */
export type RepositoryName = string & { readonly [repositoryName]: true };
export type TagName = string & { readonly [tagName]: true };

/** Throws Refusal NAME_INVALID. */
export function parseRepositoryName(text: string): RepositoryName {
  if (isRepositoryPath(text)) return text as RepositoryName;
  const shown = text.slice(0, 300);
  throw new Refusal(
    'NAME_INVALID',
    `${JSON.stringify(shown)} is no repository's name: lower-case letters and digits, with ".", "_", "__" or dashes between, ` +
      'in components separated by "/", at most 255 characters',
    { detail: { name: shown } },
  );
}

/** Throws Refusal TAG_INVALID. */
export function parseTagName(text: string): TagName {
  if (isTag(text)) return text as TagName;
  const shown = text.slice(0, 200);
  throw new Refusal('TAG_INVALID', `${JSON.stringify(shown)} is no tag`, { detail: { tag: shown } });
}
