import { EngineError } from '../errors/index.ts';
import { parseReference, repositoryName } from '../reference/index.ts';
import { Connection, type RepositoryOptions } from './connection.ts';
import type { Host } from './host.ts';
import { type NamePage, readNamePage } from './name-page.ts';

const maxTags = 100_000;

/**
 * All tags of a repository (`debian`, `HOST/team/app`) as canonical names, in the order in which the registry lists them. Asked
 * of the registry itself: a mirror need not have them all.
 * @throws EngineError ERR_MANIFEST_NOT_FOUND, ERR_REGISTRY_*, ERR_BLOB_TOO_LARGE (over 100 000 tags), ERR_ABORTED
 */
export async function listTags(repository: string, options: RepositoryOptions = {}): Promise<string[]> {
  const reference = parseReference(repository);
  await using connection = new Connection(reference, options);
  const host = connection.hosts.at(-1) as Host;
  const name = repositoryName(reference);
  const tags: string[] = [];
  let next: string | URL | undefined = 'tags/list?n=1000';
  while (next !== undefined) {
    const { signal } = options;
    const request = { method: 'GET', path: next, subject: { name, kind: 'manifest' }, signal } as const;
    const page: NamePage = await host.request(request, (response) => readNamePage(response, 'tags'));
    tags.push(...page.names.filter(isTag));
    if (tags.length > maxTags) throw tooMany(name);
    next = page.next;
  }
  return tags.map((tag) => `${name}:${tag}`);
}

function isTag(text: string): boolean {
  return /^\w[\w.-]{0,127}$/.test(text);
}

function tooMany(name: string): EngineError {
  return new EngineError(
    'ERR_BLOB_TOO_LARGE',
    `${name} has more than ${maxTags} tags: name those that you want`,
    {
      details: { name, limit: maxTags },
    },
  );
}
