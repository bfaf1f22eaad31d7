import { type Handler, replyJson } from '../exchange.ts';

/** `GET /v2/`: that this is a registry (end-1), and, by its 401, how to log in. */
export const base: Handler = {
  needs: () => [],
  answer: async (exchange) => replyJson(exchange, {}),
};
