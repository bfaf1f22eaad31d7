import { EngineError, isEngineError } from '../errors/index.ts';

/** An error under way to a retry: `error` is what the caller gets when no attempt is left. */
export class Transient extends Error {
  readonly error: EngineError;
  /** Milliseconds that the other side asked us to wait. */
  readonly after: number | undefined;

  constructor(error: EngineError, after?: number) {
    super(error.message, { cause: error });
    this.error = error;
    this.after = after;
  }
}

/** The caller's cancellation, as the error that every room throws for it. */
export function aborted(signal: AbortSignal): EngineError {
  return new EngineError('ERR_ABORTED', 'the transfer was cancelled', { cause: signal.reason });
}

/** Whether the error says that the other side does not speak TLS or does not listen: plain http may be tried. */
export function isNoTls(error: unknown): boolean {
  const { code } = rootOf(error);
  return code === 'ECONNREFUSED' || code === 'ECONNRESET' || code === 'EPROTO' || /^ERR_SSL_/.test(code);
}

/**
 * Says what a failed connection means and what to do. Errors that may pass by themselves come as `Transient`; EngineErrors
 * are handed through.
 */
export function explainNetworkError(cause: unknown, url: URL, proxy?: string): EngineError | Transient {
  if (isEngineError(cause) || cause instanceof Transient) return cause;
  const { code, message } = rootOf(cause);
  const via = proxy === undefined ? '' : ` through the proxy ${withoutCredentials(proxy)}`;
  const details = { host: url.host, reason: code || message };
  const say = (text: string, kind: 'ERR_REGISTRY_UNREACHABLE' | 'ERR_REGISTRY_TLS') =>
    new EngineError(kind, `cannot reach ${url.host}${via}: ${text}`, { cause, details });
  if (isCertificateError(code)) return say(certificateRemedy(code, message), 'ERR_REGISTRY_TLS');
  if (code === 'EPROTO' || /^ERR_SSL_/.test(code))
    return say(protocolRemedy(url, message), 'ERR_REGISTRY_TLS');
  const text = reasons[code] ?? message;
  const error = say(text, 'ERR_REGISTRY_UNREACHABLE');
  return final.has(code) ? error : new Transient(error);
}

/** Undici wraps, happy eyeballs aggregates: the error at the root has the code. */
function rootOf(error: unknown): { code: string; message: string } {
  if (typeof error !== 'object' || error === null) return { code: '', message: String(error) };
  const { name, code, message, cause, errors } = error as {
    name?: string;
    code?: unknown;
    message?: string;
    cause?: unknown;
    errors?: unknown[];
  };
  if (name === 'TimeoutError') return { code: name, message: message ?? name };
  if (typeof code === 'string' && !code.startsWith('UND_ERR_SOCKET'))
    return { code, message: message || code };
  const inner = cause ?? errors?.[0];
  if (inner !== undefined && inner !== error) return rootOf(inner);
  return { code: typeof code === 'string' ? code : '', message: message ?? 'unknown error' };
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'there is no such host; check the name, and the DNS server in /etc/resolv.conf',
  EAI_AGAIN: 'its name could not be looked up; check the network and the DNS server in /etc/resolv.conf',
  ECONNREFUSED: 'nothing listens there; check the port, and that the registry is running',
  ECONNRESET: 'the connection was reset by the other side',
  EPIPE: 'the connection was closed by the other side',
  UND_ERR_SOCKET: 'the connection was closed by the other side',
  EHOSTUNREACH: 'there is no route to it; check the network',
  ENETUNREACH: 'the network is unreachable; check that this machine is online',
  ETIMEDOUT: 'the connection timed out; check the network, and whether a proxy is needed (HTTPS_PROXY)',
  UND_ERR_CONNECT_TIMEOUT:
    'connecting took too long; check the network, and whether a proxy is needed (HTTPS_PROXY)',
  TimeoutError: 'its whole answer took too long',
  UND_ERR_HEADERS_TIMEOUT: 'it accepted the request but did not answer in time',
  UND_ERR_BODY_TIMEOUT: 'it stopped sending',
  UND_ERR_HEADERS_OVERFLOW: 'its answer has too many headers',
};

/** Not worth a second attempt: a person has to change something first. */
const final = new Set([
  'ENOTFOUND',
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_HEADERS_OVERFLOW',
]);

function isCertificateError(code: string): boolean {
  return /^CERT_|^ERR_TLS_CERT|SELF_SIGNED_CERT|^UNABLE_TO_|_CERT_|^HOSTNAME_MISMATCH$|^CRL_/.test(code);
}

function certificateRemedy(code: string, message: string): string {
  if (code === 'CERT_HAS_EXPIRED')
    return 'its certificate has expired; check the clock, or renew the certificate';
  if (code === 'CERT_NOT_YET_VALID') return 'its certificate is not valid yet; check the clock';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `its certificate is for another name (${message})`;
  return `its certificate is not trusted (${message}); name its CA in the configuration (registries, tls.ca) or in NODE_EXTRA_CA_CERTS`;
}

function protocolRemedy(url: URL, message: string): string {
  if (/wrong version number|packet length too long/i.test(message)) {
    return `it does not speak TLS; if it is a plain http registry, set registries["${url.host}"].insecure to true in the configuration`;
  }
  return `TLS failed (${message}); a registry that asks for a client certificate needs tls.cert and tls.key in the configuration`;
}

function withoutCredentials(proxy: string): string {
  return URL.canParse(proxy) ? new URL(proxy).host : 'in the environment';
}
