import type { Exchange, Handler } from '../exchange.ts';
import { Refusal } from '../refusal.ts';

/** A route for administrators only. Throws Refusal UNAUTHORIZED, DENIED. */
export function forAdmins(answer: Handler['answer']): Handler {
  return {
    needs: () => [],
    answer: async (exchange) => {
      if (!exchange.identity.isAdmin) throw refused(exchange);
      await answer(exchange);
    },
  };
}

function refused({ identity, registry, request }: Exchange): Refusal {
  if (identity.by !== 'nothing') return new Refusal('DENIED', 'this is for administrators');
  // For the page the browser would ask in a window of its own, and the page has a form for it.
  const isPage = request.headers['x-csrf-token'] !== undefined;
  const headers = {
    ...registry.access.challenge(request, []),
    ...(!isPage && { 'www-authenticate': 'Basic realm="administrators"' }),
  };
  return new Refusal('UNAUTHORIZED', 'log in as an administrator', { headers });
}
