import type { IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import { Refusal } from '../refusal.ts';

/** Whether a client reached us by TLS; a proxy in front says so. */
export function isSecure({ headers, socket }: IncomingMessage): boolean {
  const proto = headers['x-forwarded-proto'];
  return proto === undefined ? (socket as TLSSocket).encrypted === true : proto === 'https';
}

/** Whether a proxy passes it on, as far as proxies say so: its address is then the proxy's. */
export function isForwarded({ headers }: IncomingMessage): boolean {
  return ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-proto', 'x-real-ip'].some(
    (name) => headers[name] !== undefined,
  );
}

/** By what name a client reached us. */
export function originOf(request: IncomingMessage): string {
  const { host = '' } = request.headers;
  const known = /^[A-Za-z0-9.:[\]-]{1,300}$/.test(host) ? host : 'localhost';
  return `${isSecure(request) ? 'https' : 'http'}://${known}`;
}

/** Whether a method changes nothing (RFC 9110, 9.2.1). */
export function isSafeMethod(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'OPTIONS';
}

/**
 * Throws Refusal DENIED for what another site's page has its visitor's browser send, with whatever the browser has to show
 * (a cookie, a certificate, a remembered password): browsers say where a request comes from (Fetch Metadata; Origin, RFC 6454).
 */
export function requireOwnOrigin({ headers }: IncomingMessage): void {
  const site = headers['sec-fetch-site'];
  const isOwn =
    site !== undefined
      ? site === 'same-origin' || site === 'none'
      : headers.origin === undefined || hostOf(headers.origin) === headers.host;
  if (!isOwn) throw new Refusal('DENIED', 'this is not for the pages of other sites');
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
