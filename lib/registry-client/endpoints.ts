import { isIPv4 } from 'node:net';
import { type Config, registryConfigOf, type TlsConfig } from '../config/index.ts';
import { type ImageReference, repositoryName } from '../reference/index.ts';

/** One host that answers for a repository: the registry itself or a mirror. */
export interface Endpoint {
  /** Host and port as the reference or the mirror's URL names it; credentials go by this name. */
  readonly host: string;
  /** Where the API may be, the first that answers; two only for this machine's own registries. */
  readonly origins: readonly string[];
  /** The repository's path at this host; empty for the registry as a whole. */
  readonly path: string;
  readonly isMirror: boolean;
  readonly tls?: TlsConfig;
}

/** Docker Hub is named docker.io, but its API has another host. */
const apiHosts: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/** The hosts to ask for a repository, in order: the configured mirrors, then the registry. */
export function endpointsOf(reference: ImageReference, config: Config): Endpoint[] {
  const { mirrors = [] } = registryConfigOf(config, repositoryName(reference));
  const asMirror = mirrors.map((mirror) => mirrorEndpoint(new URL(mirror), reference, config));
  return [...asMirror, registryEndpoint(reference, config)];
}

/** Whether a host, with or without port, is this machine: localhost, 127.0.0.0/8 or ::1. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, '').toLowerCase();
  if (name === 'localhost' || name === '[::1]' || name.endsWith('.localhost')) return true;
  return isIPv4(name) && name.startsWith('127.');
}

/** A registry as a whole, by its name: `docker.io`, `host:5000`. */
export function wholeRegistry(domain: string, config: Config): Endpoint {
  return { ...registryEndpoint({ domain, path: '' }, config, domain), path: '' };
}

function registryEndpoint(
  reference: ImageReference,
  config: Config,
  name = repositoryName(reference),
): Endpoint {
  const { domain, path } = reference;
  const { insecure, tls } = registryConfigOf(config, name);
  const host = apiHosts[domain] ?? domain;
  return { host: domain, origins: originsOf(host, insecure), path, isMirror: false, ...(tls && { tls }) };
}

function mirrorEndpoint(url: URL, reference: ImageReference, config: Config): Endpoint {
  const prefix = url.pathname.replace(/^\/+|\/+$/g, '').replace(/^v2\/|^v2$/, '');
  const path = prefix === '' ? reference.path : `${prefix}/${reference.path}`;
  const { tls } = registryConfigOf(config, `${url.host}/${path}`);
  return { host: url.host, origins: [url.origin], path, isMirror: true, ...(tls && { tls }) };
}

/** Plain http only when configured, or for this machine after https has failed to connect. */
function originsOf(host: string, insecure: boolean | undefined): string[] {
  if (insecure) return [`http://${host}`];
  return isLoopback(host) && insecure === undefined
    ? [`https://${host}`, `http://${host}`]
    : [`https://${host}`];
}
