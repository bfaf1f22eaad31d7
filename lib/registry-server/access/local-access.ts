import type { IncomingMessage } from 'node:http';
import { Refusal } from '../refusal.ts';
import type { RegistryStorage } from '../storage/registry-storage.ts';
import type { Identity } from './access.ts';
import { RegistryAccess } from './registry-access.ts';

/** Milliseconds for which it is believed that there are no accounts. */
const freshness = 1000;

/**
 * Everybody may do everything, for a registry that only this machine reaches, until somebody has an account: from then on it
 * is as any other, and stays so until it is opened anew.
 */
export class LocalAccess extends RegistryAccess {
  readonly #storage: RegistryStorage;
  #isClosed = false;
  #askedAt = 0;

  constructor(storage: RegistryStorage) {
    super(storage);
    this.#storage = storage;
  }

  override get mustLogin(): boolean {
    return this.#isClosed && super.mustLogin;
  }

  /** Throws Refusal DENIED for a name that is none of this machine's, too. */
  override async identify(request: IncomingMessage): Promise<Identity> {
    if (await this.#hasAccounts()) return super.identify(request);
    requireOwnHost(request.headers.host ?? '');
    return everybody;
  }

  async #hasAccounts(): Promise<boolean> {
    if (this.#isClosed || this.#askedAt > Date.now() - freshness) return this.#isClosed;
    this.#askedAt = Date.now();
    for (const folder of ['access/users', 'access/robots'])
      if ((await this.#storage.list(folder, { limit: 1 })).length > 0) this.#isClosed = true;
    return this.#isClosed;
  }
}

/**
 * A page of the web may let its own name stand for 127.0.0.1, and its visitor's browser then takes us for a part of the page
 * (DNS rebinding). Addresses, and names without a dot, are nobody's on the web.
 */
function requireOwnHost(host: string): void {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (!/[a-z]/.test(name) || !name.includes('.') || name.startsWith('[') || name.endsWith('.localhost'))
    return;
  throw new Refusal(
    'DENIED',
    `an open registry is for this machine alone, and not for ${name.slice(0, 100)}: ask for localhost, or give --anonymous`,
  );
}

const everybody: Identity = {
  name: 'anonymous',
  by: 'nothing',
  may: () => true,
  sees: () => true,
  isAdmin: true,
};
