import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { RepositoryName } from '../repository-name.ts';

/** What may be done with a repository. `admin`: whatever else, its settings and grants. */
export type Action = 'pull' | 'push' | 'delete' | 'admin';

export const actions: readonly Action[] = ['pull', 'push', 'delete', 'admin'];

/** What a request needs to be allowed. */
export interface Need {
  readonly repository: RepositoryName;
  readonly action: Action;
}

/** Whoever sends a request. */
export interface Identity {
  readonly name: string;
  /** How it showed who it is. */
  readonly by: 'nothing' | 'password' | 'token' | 'certificate' | 'session';
  may(repository: RepositoryName, action: Action): boolean;
  /** Whether lists of repositories show that one. */
  sees(repository: RepositoryName): boolean;
  /** May manage accounts, and do everything. */
  readonly isAdmin: boolean;
}

/** Who may do what. */
export interface Access {
  /** Who sends this. Throws Refusal UNAUTHORIZED for a wrong password or token, TOOMANYREQUESTS for too many of them. */
  identify(request: IncomingMessage): Promise<Identity>;
  /** The headers of a 401, which tell a client how to show who it is (RFC 9110, 11.6.1). */
  challenge(request: IncomingMessage, needs: readonly Need[]): OutgoingHttpHeaders;
  /** Whether there is something that not everybody may do: `/v2/` then asks for a login, by which clients learn of it. */
  readonly mustLogin: boolean;
}
