import { isLoopback, type Listener, openListener, type Route, type TlsFiles } from '../http/index.ts';
import { LocalAccess } from './access/local-access.ts';
import { type AccessOptions, RegistryAccess } from './access/registry-access.ts';
import { answer } from './answer.ts';
import { AuditLog } from './audit/audit-log.ts';
import { Changes, changeOf } from './changes.ts';
import type { Handler } from './exchange.ts';
import type { CollectReport } from './maintenance/collect-garbage.ts';
import { maintain } from './maintenance/maintain.ts';
import { Runs } from './maintenance/runs.ts';
import { Metrics } from './metrics.ts';
import { Mirrors } from './mirror/mirrors.ts';
import { Webhooks } from './notify/webhooks.ts';
import { RateLimit } from './rate-limit.ts';
import type { RegistryContext } from './registry-context.ts';
import type { RegistryEvent } from './registry-event.ts';
import { Replication } from './replicate/replication.ts';
import { beginRecord, type RequestRecord } from './request-record.ts';
import { createRouter, ownRoutes, pageRoutes, tokenRoutes, upkeepTable } from './route-table.ts';
import { collectOptionsOf, parseRegistrySettings, type RegistrySettings } from './settings.ts';
import { policyOf } from './settings-policy.ts';
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
  /** What is accepted, and what is kept: docs/registry.md. */
  readonly settings?: RegistrySettings;
  /** Folder of the page, as `script/build-web` makes it: this package's own by default. */
  readonly page?: string;
  /** Called for what has been done for somebody. */
  readonly onEvent?: (event: RegistryEvent) => void;
  /** Called for each request that has been answered. */
  readonly onRequest?: (record: RequestRecord) => void;
  readonly onCollected?: (report: CollectReport) => void;
  /** Called for what failed in the background. */
  readonly onFailed?: (error: unknown) => void;
}

/** A registry that answers. */
export interface Registry extends AsyncDisposable {
  /** `127.0.0.1:5000`: the first part of its images' names. */
  readonly address: string;
  /** `http://127.0.0.1:5000` */
  readonly url: string;
  readonly storage: RegistryStorage;
  /** Reads its certificates again. ERR_TLS_FILES_INVALID changes nothing. */
  reloadTls(): Promise<void>;
  /** Takes no more requests, lets those that run end for `grace` milliseconds (default 10 s), and closes. */
  close(grace?: number): Promise<void>;
}

/** Connections at once, unless the settings say otherwise: each is a file descriptor, and another while a blob is sent. */
const mostConnections = 10_000;

/** Milliseconds between collections, unless the settings say otherwise. */
const collectEvery = 3600_000;

/**
 * Opens a registry: the OCI distribution-spec 1.1 on a port. Disposal closes it.
 *
 *     await using registry = await openRegistry();
 *     await engine.images.push(`${registry.address}/app:1`);
 *
 * @throws EngineError ERR_LISTEN_FAILED, ERR_TLS_FILES_INVALID, ERR_CONFIG_INVALID, ERR_SYSTEM
 */
export async function openRegistry(options: RegistryOptions = {}): Promise<Registry> {
  const settings = parseRegistrySettings(options.settings ?? {});
  const storage = await storageOf(options.storage);
  const metrics = new Metrics();
  const onFailed = (error: unknown) => options.onFailed?.(error);
  const changes = new Changes();
  const webhooks = new Webhooks(storage, settings.webhooks ?? [], onFailed);
  const replication = new Replication(storage, settings.replicas ?? [], onFailed);
  const announce = (event: RegistryEvent) => {
    webhooks.announce(event);
    replication.announce(event);
    const change = changeOf(event);
    if (change) changes.announce(change);
    options.onEvent?.(event);
  };
  const context = contextOf(storage, settings, options, announce);
  const runs = new Runs(storage, collectOptionsOf(settings), () => changes.announce({ topic: 'runs' }));
  const audit = new AuditLog(storage, changes, onFailed);
  context.access.onLogin = (entry) => audit.add(entry);
  const observe = (record: RequestRecord) => {
    // Somebody who watches is answered for hours.
    if (record.path !== '/api/v1/events') metrics.observe(record);
    audit.observe(record);
    options.onRequest?.(record);
  };
  const routes = [
    ...tokenRoutes(context.access),
    ...ownRoutes(metrics, settings.metrics),
    ...upkeepTable(settings, runs, audit, changes),
    ...pageRoutes(context.access, options.page),
  ];
  const listener = await listen(context, routes, observe, options);
  const every = (settings.collect?.everySeconds ?? collectEvery / 1000) * 1000;
  const upkeep =
    every > 0
      ? maintain(storage, {
          every,
          mirrors: context.mirrors.settings,
          collect: collectOptionsOf(settings),
          runs,
          onCollected: (report) => {
            metrics.add('strake_registry_collected_bytes_total', report.bytes);
            options.onCollected?.(report);
          },
          onFailed,
        })
      : undefined;
  const background = [...(upkeep ? [upkeep] : []), runs, audit, replication, webhooks];
  return registryOf(listener, context, changes, background);
}

function contextOf(
  storage: RegistryStorage,
  settings: RegistrySettings,
  options: RegistryOptions,
  announce: RegistryContext['announce'],
): RegistryContext & { readonly access: RegistryAccess } {
  return {
    storage,
    access: accessOf(storage, options),
    policy: policyOf(settings, storage),
    hashes: new UploadHashes(),
    mirrors: new Mirrors(storage, settings.mirrors),
    limit: new RateLimit(settings.limits?.requestsPerMinute ?? 0),
    announce,
  };
}

function listen(
  context: RegistryContext,
  routes: readonly Route<Handler>[],
  observe: (record: RequestRecord) => void,
  options: RegistryOptions,
): Promise<Listener> {
  const router = createRouter(routes);
  return openListener({
    host: options.host ?? '127.0.0.1',
    port: options.port ?? 0,
    maxConnections: options.settings?.limits?.connections ?? mostConnections,
    ...(options.tls && { tls: options.tls }),
    handle: async (request, response) => {
      const end = beginRecord(request, response);
      observe(end(await answer(router, context, request, response)));
    },
  });
}

function registryOf(
  listener: Listener,
  { storage, mirrors }: RegistryContext,
  changes: Changes,
  background: readonly AsyncDisposable[],
): Registry {
  const close = async (grace?: number) => {
    changes.close();
    await listener.close(grace);
    for (const one of background) await one[Symbol.asyncDispose]();
    await mirrors[Symbol.asyncDispose]();
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

function accessOf(storage: RegistryStorage, { access, host = '127.0.0.1' }: RegistryOptions): RegistryAccess {
  if (access !== undefined) return new RegistryAccess(storage, access);
  return isLoopback(host) ? new LocalAccess(storage) : new RegistryAccess(storage);
}
