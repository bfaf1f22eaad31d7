import { BlockList, isIP } from 'node:net';
import type { ProxyConfig } from '../config/index.ts';
import { isLoopback } from './endpoints.ts';

/**
 * The proxy through which a URL is reached, or undefined. The configuration wins over HTTPS_PROXY, HTTP_PROXY and
 * NO_PROXY (or the same in lower case), which mean what they mean to Docker and every other Go program: NO_PROXY lists
 * hosts, domains with all below them, addresses, networks such as 10.0.0.0/8, or `*`; this machine is never proxied.
 */
export function proxyFor(url: URL, config: ProxyConfig, env: NodeJS.ProcessEnv): string | undefined {
  if (isLoopback(url.host) || isExcluded(url, noProxy(config, env))) return undefined;
  const variable = (name: string) => env[name] || env[name.toLowerCase()] || undefined;
  const proxy =
    url.protocol === 'https:'
      ? (config.https ?? variable('HTTPS_PROXY'))
      : (config.http ?? variable('HTTP_PROXY'));
  if (proxy === undefined) return undefined;
  return proxy.includes('://') ? proxy : `http://${proxy}`;
}

function noProxy(config: ProxyConfig, env: NodeJS.ProcessEnv): readonly string[] {
  return config.no ?? (env.NO_PROXY || env.no_proxy || '').split(',');
}

function isExcluded(url: URL, patterns: readonly string[]): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  const port = url.port || (url.protocol === 'https:' ? '443' : '80');
  return patterns.some((pattern) => matches(pattern.trim().toLowerCase(), host, port));
}

function matches(pattern: string, host: string, port: string): boolean {
  if (pattern === '') return false;
  if (pattern === '*') return true;
  if (pattern.includes('/')) return isWithin(host, pattern);
  const [, name = pattern, wantedPort] = /^(\[[^\]]+\]|[^:]+):([0-9]+)$/.exec(pattern) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const bare = name.replace(/^\*?\.|^\[|\]$/g, '');
  if (isIP(bare)) return bare === host;
  const alsoItself = !/^\*?\./.test(name);
  return (alsoItself && host === bare) || host.endsWith(`.${bare}`);
}

function isWithin(host: string, network: string): boolean {
  const version = isIP(host);
  const [address = '', bits = ''] = network.split('/');
  if (version === 0 || isIP(address) !== version || !/^[0-9]{1,3}$/.test(bits)) return false;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (Number(bits) > (version === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), family);
  return list.check(host, family);
}
