import { EngineError } from '../../errors/index.ts';
import type { Action } from './access.ts';

/** What somebody may do within a scope. Each includes those before it. */
export const roles = ['none', 'pull', 'push', 'delete', 'admin'] as const;
export type Role = (typeof roles)[number];

/** Whether a role allows an action. */
export function allows(role: Role, action: Action): boolean {
  return roles.indexOf(role) >= roles.indexOf(action);
}

/** ERR_ACCOUNT_INVALID */
export function parseRole(text: string): Role {
  const role = roles.find((one) => one === text);
  if (role) return role;
  throw new EngineError(
    'ERR_ACCOUNT_INVALID',
    `${JSON.stringify(text)} is no role: they are ${roles.join(', ')}`,
  );
}

/**
 * Which repositories something is about: `*` all, `team/*` those below a namespace, `team/app` one. Whole components only:
 * `team/*` has nothing to do with `teamwork/app` (CVE-2019-16097). @throws EngineError ERR_ACCOUNT_INVALID
 */
export function parseScope(text: string): string {
  const component = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
  if (text === '*' || new RegExp(`^${component}(?:/${component})*(?:/\\*)?$`).test(text)) return text;
  throw new EngineError(
    'ERR_ACCOUNT_INVALID',
    `${JSON.stringify(text)} is no scope: write * for all repositories, team/* for those of a namespace, or one repository's name`,
  );
}

/** Whether a repository is within a scope. */
export function isWithin(scope: string, repository: string): boolean {
  if (scope === '*') return true;
  return scope.endsWith('/*') ? repository.startsWith(scope.slice(0, -1)) : repository === scope;
}
