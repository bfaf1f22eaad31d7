import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { EngineError } from '../errors/index.ts';
import { type Config, defaultConfig } from './config.ts';
import type { ConfigFile } from './schema.ts';

/** Bytes of the largest configuration file that is read. */
const maxFileSize = 1024 * 1024;

/**
 * Reads the configuration: `/etc/strake/config.json`, then the user's `~/.config/strake/config.json` over it. A key of
 * the later file takes the place of the earlier's, and a registry's whole entry counts as one key. `file`, or else
 * STRAKE_CONFIG, names the only file to read. A file that is not there is empty, unless it was named.
 * @throws EngineError ERR_CONFIG_INVALID with the file, the JSON path of each fault and the keys that are known there
 */
export async function loadConfig(options: { file?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Config> {
  const env = options.env ?? process.env;
  const named = options.file ?? env.STRAKE_CONFIG;
  if (named) return merge([await readNamed(resolve(named))]);
  return merge(await Promise.all(configPaths(env).map(readIfThere)));
}

/** The files that are read when none is named, the more important last. */
export function configPaths(env: NodeJS.ProcessEnv = process.env): string[] {
  const base = env.XDG_CONFIG_HOME?.startsWith('/') ? env.XDG_CONFIG_HOME : join(home(), '.config');
  return ['/etc/strake/config.json', join(base, 'strake/config.json')];
}

/** Root's own home, even when `sudo` kept another user's HOME: that user's file must not steer root. */
function home(): string {
  return process.geteuid?.() === 0 ? userInfo().homedir : homedir();
}

async function readNamed(path: string): Promise<ConfigFile> {
  const file = await readIfThere(path);
  if (file === undefined) throw invalid(path, ['the file does not exist']);
  return file;
}

async function readIfThere(path: string): Promise<ConfigFile | undefined> {
  const content = readText(path);
  if (content === undefined) return undefined;
  const { validateFile } = await import('./schema.ts');
  const result = validateFile(parseJson(path, content));
  if ('faults' in result) throw invalid(path, result.faults);
  return absolutePaths(result.file, dirname(path));
}

/** Synchronous: each command of the command line looks for two small files, and `node:fs/promises` takes a millisecond to load. */
function readText(path: string): string | undefined {
  try {
    const bytes = readFileSync(path);
    if (bytes.length > maxFileSize) throw invalid(path, [`the file is larger than ${maxFileSize} bytes`]);
    return bytes.toString('utf8');
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    if (cause instanceof EngineError) throw cause;
    throw invalid(path, [`the file cannot be read: ${(cause as Error).message}`], cause);
  }
}

function parseJson(path: string, content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw invalid(path, [`the file is not valid JSON: ${(cause as Error).message}`], cause);
  }
}

/** Makes the paths in a file independent of it: they are relative to the file's own directory. */
function absolutePaths(file: ConfigFile, directory: string): ConfigFile {
  if (file.registries === undefined) return file;
  const entries = Object.entries(file.registries).map(([prefix, registry]) => {
    const { tls } = registry;
    if (tls === undefined) return [prefix, registry];
    const paths = (['ca', 'cert', 'key'] as const)
      .filter((name) => tls[name] !== undefined)
      .map((name) => [name, resolve(directory, tls[name] as string)]);
    return [prefix, { ...registry, tls: { ...tls, ...Object.fromEntries(paths) } }];
  });
  return { ...file, registries: Object.fromEntries(entries) };
}

function merge(files: readonly (ConfigFile | undefined)[]): Config {
  const section = <Name extends keyof Config>(name: Name): Config[Name] =>
    Object.assign({}, defaultConfig[name], ...files.map((file) => file?.[name]));
  return {
    registries: section('registries'),
    proxies: section('proxies'),
    downloads: section('downloads'),
    limits: section('limits'),
    storage: section('storage'),
    userns: section('userns'),
    terminal: section('terminal'),
  };
}

function invalid(path: string, faults: readonly string[], cause?: unknown): EngineError {
  return new EngineError('ERR_CONFIG_INVALID', `invalid configuration ${path}: ${faults.join('; ')}`, {
    cause,
    details: { path, faults },
  });
}
