import { isLoopback } from '../../http/index.ts';
import { isForwarded } from '../access/origin.ts';
import { type Handler, reply, replyJson } from '../exchange.ts';
import { repositoriesFolder } from '../keys.ts';
import type { Metrics } from '../metrics.ts';
import { Refusal } from '../refusal.ts';
import type { RegistrySettings } from '../settings.ts';

/** `GET /healthz`: that the process answers. */
export const health: Handler = {
  needs: () => [],
  answer: async (exchange) => replyJson(exchange, { status: 'ok' }),
};

/** `GET /readyz`: that its storage does, too. */
export const readiness: Handler = {
  needs: () => [],
  answer: async (exchange) => {
    try {
      await exchange.registry.storage.list(repositoriesFolder, { limit: 1 });
    } catch (cause) {
      throw new Refusal('UNAVAILABLE', 'the storage does not answer', { cause });
    }
    replyJson(exchange, { status: 'ready' });
  },
};

/** `GET /metrics`, for administrators, and for whom `readers` says: whoever is on this machine, or everybody. */
export function metricsOf(
  metrics: Metrics,
  readers: NonNullable<RegistrySettings['metrics']> = 'local',
): Handler {
  return {
    needs: () => [],
    answer: async (exchange) => {
      const { request, identity } = exchange;
      const address = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
      const isLocal = isLoopback(address) && !isForwarded(request);
      const isReader = readers === 'everybody' || (readers === 'local' && isLocal);
      if (!identity.isAdmin && !isReader) throw new Refusal('DENIED', 'metrics are for administrators');
      reply(exchange, 200, { 'content-type': 'text/plain; version=0.0.4' }, metrics.text());
    },
  };
}
