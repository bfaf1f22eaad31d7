import type { Config, RegistryConfig } from './config.ts';

/**
 * What the configuration says about a repository, or about a mirror's host, by its full name (`docker.io/library/debian`,
 * `mirror:5000`): the entry of the longest prefix that ends where a component of the name ends. Empty when there is none.
 */
export function registryConfigOf(config: Config, name: string): RegistryConfig {
  const matching = Object.keys(config.registries)
    .filter((prefix) => name === prefix || name.startsWith(`${prefix}/`))
    .sort((left, right) => right.length - left.length);
  return (matching[0] !== undefined && config.registries[matching[0]]) || {};
}
