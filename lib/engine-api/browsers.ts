import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import { isLoopback } from '../http/index.ts';
import { Refusal } from './refusal.ts';

/**
 * Refuses what a web page has made a browser send: whoever reaches this API is root. A page of another origin shows by `Origin`
 * or `Sec-Fetch-Site`; one whose own name was made to lead here (DNS rebinding) by a `Host` that is a name. No program that is
 * not a browser sends the former, but for websocket clients, whose `Origin` is this very host. Names are only doubted where
 * neither a unix socket nor a certificate has settled who this is.
 * @throws Refusal 403
 */
export function refuseBrowsers({ headers }: IncomingMessage, isPlainTcp: boolean): void {
  const { origin, host = '', 'sec-fetch-site': site } = headers;
  if (site !== undefined && site !== 'none')
    throw new Refusal(403, 'requests of web pages are refused: this API is root on this machine');
  if (origin !== undefined && !isOwnOrigin(origin, host))
    throw new Refusal(403, `requests of web pages are refused (Origin: ${origin.slice(0, 100)})`);
  if (isPlainTcp && !isAddress(hostname(host)))
    throw new Refusal(403, `the name ${host.slice(0, 100)} is refused: use the address, localhost, or TLS`);
}

function isOwnOrigin(origin: string, host: string): boolean {
  return origin.replace(/^(https?|wss?):\/\//, '') === host;
}

function hostname(host: string): string {
  return host.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
}

function isAddress(name: string): boolean {
  return name === '' || isIP(name) !== 0 || isLoopback(name);
}
