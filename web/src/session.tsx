import { createContext } from 'preact';
import { useContext } from 'preact/hooks';
import type { SessionDocument } from '../../lib/registry-server/api-documents.ts';

/** Who uses the page, and how that changes. */
export interface SessionState {
  readonly session: SessionDocument;
  /** Asks the registry again who we are. */
  readonly refresh: () => Promise<void>;
}

export const SessionContext = createContext<SessionState>({
  session: { isAdmin: false, mustLogin: true },
  refresh: async () => undefined,
});

export function useSession(): SessionState {
  return useContext(SessionContext);
}
