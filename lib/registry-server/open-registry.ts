import { isLoopback, type Listener, openListener, type TlsFiles } from '../http/index.ts';
import { type Access, openAccess } from './access/access.ts';
import { AccountStore } from './access/account-store.ts';
import { type AccessOptions, RegistryAccess } from './access/registry-access.ts';
import { answer } from './answer.ts';
import { defaultPolicy, type Policy } from './policy.ts';
import type { RegistryContext } from './registry-context.ts';
import type { RegistryEvent } from './registry-event.ts';
import { createRouter, tokenRoutes } from './route-table.ts';
import { openLocalStorage } from './storage/local-storage.ts';
import { openMemoryStorage } from './storage/memory-storage.ts';
import type { RegistryStorage } from './storage/registry-storage.ts';
import { UploadHashes } from './upload-hashes.ts';

export interface RegistryOptions {
  /** A directory, or a storage; by default memory, which is gone with the registry. */
  readonly storage?: string | RegistryStorage;
  /** 127.0.0.1 by default. */
  readonly host?: string;
  /** By default one that is free. */
  readonly port?: number;
  readonly tls?: TlsFiles;
  /**
   * Who may do what. By default, where only this machine reaches it and it has no accounts, everybody everything; else nobody
   * without a grant.
   */
  readonly access?: AccessOptions;
  readonly policy?: Partial<Policy>;
  /** Called for what has been done for somebody. */
  readonly onEvent?: (event: RegistryEvent) => void;
}

/** A registry that answers. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:5000`: the first part of its images' names. */
  readonly address: string;
  /** `http://127.0.0.1:5000` */
  readonly url: string;
  readonly storage: RegistryStorage;
  /** Reads its certificates again. */
  reloadTls(): Promise<void>;
  /** Takes no more requests, lets those that run end for `grace` milliseconds (default 10 s), and closes. */
  close(grace?: number): Promise<void>;
}

/**
 * Opens a registry: the OCI distribution-spec 1.1 on a port. Disposal closes it.
 *
 *     await using registry = await openRegistry();
 *     await engine.images.push('app', `${registry.address}/app:1`);
 *
 * @throws EngineError ERR_LISTEN_FAILED, ERR_TLS_FILES_INVALID, ERR_SYSTEM
 */
export async function openRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const storage = await storageOf(options.storage);
  const access = await accessOf(storage, options);
  const context: RegistryContext = {
    storage,
    access,
    policy: { ...defaultPolicy, ...options.policy },
    hashes: new UploadHashes(),
    announce: (event) => options.onEvent?.(event),
  };
  const router = createRouter(access instanceof RegistryAccess ? tokenRoutes(access) : []);
  const listener = await openListener({
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    ...(options.tls && { tls: options.tls }),
    handle: async (request, response) => {
      await answer(router, context, request, response);
    },
  });
  return registryOf(listener, storage);
}

function registryOf(listener: Listener, storage: RegistryStorage): Registry {
  const close = async (grace?: number) => {
    await listener.close(grace);
    await storage[Symbol.asyncDispose]();
  };
  return {
    address: new URL(listener.url).host,
    url: listener.url,
    storage,
    reloadTls: () => listener.reloadTls(),
    close,
    [Symbol.asyncDispose]: () => close(),
  };
}

async function storageOf(given: RegistryOptions['storage']): Promise<RegistryStorage> {
  if (given === undefined) return openMemoryStorage();
  return typeof given === 'string' ? openLocalStorage(given) : given;
}

async function accessOf(
  storage: RegistryStorage,
  { access, host = '127.0.0.1' }: RegistryOptions,
): Promise<Access> {
  if (access !== undefined) return new RegistryAccess(storage, access);
  const store = new AccountStore(storage);
  const [users, robots] = await Promise.all([store.users(), store.robots()]);
  const isOpen = isLoopback(host) && users.length === 0 && robots.length === 0;
  return isOpen ? openAccess : new RegistryAccess(storage);
}
