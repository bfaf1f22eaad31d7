import { EngineError } from '../errors/index.ts';
import { explainNetworkError } from './network-error.ts';
import { discard, type Transport, type TransportRequest, type TransportResponse } from './transport.ts';

const maxRedirects = 10;
const redirectStatus = new Set([301, 302, 303, 307, 308]);

/** Those that keep the method and the body (RFC 9110, 15.4); the others would turn an upload into a GET. */
const keepingStatus = new Set([307, 308]);

/**
 * Sends a request and goes where the answers point, as registries point to their storage for blobs. Authorization
 * stays with the origin it was meant for; https never becomes http.
 * @throws EngineError ERR_REGISTRY_RESPONSE
 */
export async function sendFollowing(
  transport: Transport,
  request: TransportRequest,
): Promise<TransportResponse> {
  let current = request;
  for (let count = 0; count <= maxRedirects; count++) {
    const response = await sendHop(transport, current, count);
    const { location } = response.headers;
    if (!redirectStatus.has(response.status) || location === undefined) return response;
    discard(response);
    if (!isReading(request) && !keepingStatus.has(response.status)) {
      throw refused(
        request.url,
        `it redirected an upload by ${response.status}, after which only a GET may follow`,
      );
    }
    current = { ...current, url: target(location, response.url), ...elsewhere(current, location) };
  }
  throw refused(request.url, `it redirected more than ${maxRedirects} times`);
}

function isReading({ method }: TransportRequest): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** A hop's error names the hop's host; the first one's is the caller's to explain. */
async function sendHop(
  transport: Transport,
  request: TransportRequest,
  count: number,
): Promise<TransportResponse> {
  try {
    return await transport.send(request);
  } catch (cause) {
    if (count === 0 || request.signal?.aborted) throw cause;
    throw explainNetworkError(cause, request.url, transport.proxyOf(request.url));
  }
}

/** Where an answer points. @throws EngineError ERR_REGISTRY_RESPONSE for what is no URL, or plain http after https */
export function target(location: string, from: URL): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw refused(from, 'it redirected to something that is no URL of the web');
  }
  if (from.protocol === 'https:' && url.protocol === 'http:') {
    throw refused(from, `it redirected from https to plain http at ${url.host}, which is not followed`);
  }
  return url;
}

function elsewhere(request: TransportRequest, location: string): Partial<TransportRequest> {
  const url = new URL(location, request.url.href);
  if (url.origin === request.url.origin) return {};
  const { headers, tls } = asForeign(request);
  return { headers: headers ?? {}, tls };
}

/**
 * The same request for another origin: without Authorization and client certificate. The CA goes along: a private
 * registry's storage usually has a certificate of the same one.
 */
export function asForeign(request: TransportRequest): TransportRequest {
  const headers = Object.entries(request.headers ?? {}).filter(
    ([name]) => name.toLowerCase() !== 'authorization',
  );
  const { ca, skipVerify } = request.tls ?? {};
  return {
    ...request,
    headers: Object.fromEntries(headers),
    tls: { ...(ca !== undefined && { ca }), ...(skipVerify !== undefined && { skipVerify }) },
  };
}

function refused(url: URL, reason: string): EngineError {
  return new EngineError('ERR_REGISTRY_RESPONSE', `${url.host} cannot be used: ${reason}`, {
    details: { host: url.host },
  });
}
