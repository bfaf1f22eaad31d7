/**
 * The one configuration file: where it lies, what may stand in it, and its defaults (docs/configuration.md). It is read
 * once and is a value afterwards. Nothing here acts on it, and nothing an option of a call could say belongs into it.
 */
export {
  type Config,
  type DownloadConfig,
  defaultConfig,
  type LimitConfig,
  type ProxyConfig,
  type RegistryConfig,
  type StorageConfig,
  type TerminalConfig,
  type TlsConfig,
  type UserNamespaceConfig,
} from './config.ts';
export { configPaths, loadConfig } from './load-config.ts';
export { registryConfigOf } from './registry-config.ts';
