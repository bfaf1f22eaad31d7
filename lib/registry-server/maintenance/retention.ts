import { isWithin } from '../access/role.ts';
import { fitsGlob } from '../glob.ts';
import { tagKey } from '../keys.ts';
import type { Repository } from '../repository.ts';
import type { TagName } from '../repository-name.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';

/** Which tags of some repositories go after a while. At least one of `keepLast` and `keepFor` is given. */
export interface RetentionRule {
  /** See `parseScope`. */
  readonly scope: string;
  /** Tags that it is about: a pattern with `*`; all by default. */
  readonly tags?: string;
  /** So many stay, those that were set last. */
  readonly keepLast?: number;
  /** Those that were set within so many milliseconds stay. */
  readonly keepFor?: number;
}

/** Removes tags by the rules that fit the repository; one that any rule keeps goes by no other. Answers how many. */
export async function applyRetention(
  storage: RegistryStorage,
  repository: Repository,
  rules: readonly RetentionRule[],
): Promise<number> {
  const fitting = rules.filter(({ scope }) => isWithin(scope, repository.name));
  if (fitting.length === 0) return 0;
  const tags = await datedTags(storage, repository);
  const verdicts = fitting.map((rule) => judge(rule, tags));
  const kept = new Set(verdicts.flatMap(({ keep }) => keep));
  let removed = 0;
  for (const { tag, setAt } of tags) {
    if (kept.has(tag) || !verdicts.some(({ remove }) => remove.includes(tag))) continue;
    // One that is set anew meanwhile is another's by now.
    if (await storage.removeUnneeded(tagKey(repository.name, tag), setAt + 1)) removed++;
  }
  return removed;
}

interface DatedTag {
  readonly tag: TagName;
  readonly setAt: number;
}

/** The latest first. */
async function datedTags(storage: RegistryStorage, repository: Repository): Promise<DatedTag[]> {
  const dated: DatedTag[] = [];
  for (const tag of await repository.tags()) {
    const status = await storage.stat(tagKey(repository.name, tag));
    if (status) dated.push({ tag, setAt: status.needed });
  }
  return dated.sort((a, b) => b.setAt - a.setAt || (a.tag < b.tag ? 1 : -1));
}

function judge(
  { tags: pattern = '*', keepLast = 0, keepFor = 0 }: RetentionRule,
  tags: readonly DatedTag[],
): { keep: TagName[]; remove: TagName[] } {
  const [keep, remove]: [TagName[], TagName[]] = [[], []];
  const about = tags.filter(({ tag }) => fitsGlob(pattern, tag));
  for (const [at, { tag, setAt }] of about.entries())
    (at < keepLast || setAt > Date.now() - keepFor ? keep : remove).push(tag);
  return { keep, remove };
}
