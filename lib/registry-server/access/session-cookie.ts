import type { IncomingMessage } from 'node:http';
import { isSecure } from './origin.ts';

/**
 * The cookie of a session (RFC 6265): no script reads it, no other site's page sends it, and only the API is sent it, never what
 * somebody has pushed. Over TLS it is kept from plain connections, and by its name from being set by them ("__Secure-").
 */
export function sessionCookie(request: IncomingMessage, id: string): string {
  return `${cookieName(request)}=${id}; ${attributes(request)}`;
}

/** Takes the cookie away. */
export function endedCookie(request: IncomingMessage): string {
  return `${cookieName(request)}=; Max-Age=0; ${attributes(request)}`;
}

/** The id that a request shows. */
export function sessionIdOf(request: IncomingMessage): string | undefined {
  const name = `${cookieName(request)}=`;
  const pairs = (request.headers.cookie ?? '').split(';').map((pair) => pair.trim());
  return pairs.find((pair) => pair.startsWith(name))?.slice(name.length) || undefined;
}

function attributes(request: IncomingMessage): string {
  return `Path=/api/v1/; HttpOnly; SameSite=Strict${isSecure(request) ? '; Secure' : ''}`;
}

function cookieName(request: IncomingMessage): string {
  return isSecure(request) ? '__Secure-strake-session' : 'strake-session';
}
