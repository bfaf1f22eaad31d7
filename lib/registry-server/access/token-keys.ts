import { randomUUID } from 'node:crypto';
import { type CryptoKey, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';
import type { RegistryStorage } from '../storage/registry-storage.ts';

/** Milliseconds after which a new key signs, and for which an old one is believed after that. */
const signingLife = 30 * 24 * 3600 * 1000;
const afterlife = 24 * 3600 * 1000;
/** How long what was read is believed to be all. */
const freshness = 5000;

interface TokenKey {
  readonly id: string;
  readonly createdAt: number;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/**
 * The keys by which a registry signs its tokens (Ed25519), in its storage, so that all processes that serve it believe each
 * other's: `access/keys/ID`. The newest signs; a new one is made every 30 days; old ones are believed for one day more.
 */
export class TokenKeys {
  readonly #storage: RegistryStorage;
  #known = new Map<string, TokenKey>();
  #readAt = 0;
  #reading: Promise<void> | undefined;
  #rotating: Promise<TokenKey> | undefined;

  constructor(storage: RegistryStorage) {
    this.#storage = storage;
  }

  async signingKey(): Promise<{ readonly id: string; readonly key: CryptoKey }> {
    await this.#refresh();
    const newest = [...this.#known.values()].sort((a, b) => b.createdAt - a.createdAt)[0];
    const { id, privateKey } =
      newest && newest.createdAt > Date.now() - signingLife ? newest : await this.#rotateOnce();
    return { id, key: privateKey };
  }

  /** Of many that need a new key at once one makes it. */
  #rotateOnce(): Promise<TokenKey> {
    this.#rotating ??= this.rotate().finally(() => {
      this.#rotating = undefined;
    });
    return this.#rotating;
  }

  /** Makes a new key, and removes those that nobody believes any more. */
  async rotate(): Promise<TokenKey> {
    const { privateKey } = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
    const [id, createdAt] = [randomUUID(), Date.now()];
    const jwk = await exportJWK(privateKey);
    await this.#storage.write(`access/keys/${id}`, JSON.stringify({ id, createdAt, jwk }));
    const key = await readKey({ id, createdAt, jwk });
    this.#known.set(id, key);
    for (const old of this.#known.values())
      if (isDead(old)) await this.#storage.remove(`access/keys/${old.id}`);
    return key;
  }

  /** The key that a token names; one that another process has just made is read at once. */
  async verifyingKey(id: string): Promise<CryptoKey | undefined> {
    const found = this.#known.get(id) ?? (await this.#readOne(id));
    return found && !isDead(found) ? found.publicKey : undefined;
  }

  async #readOne(id: string): Promise<TokenKey | undefined> {
    if (!/^[0-9a-f-]{36}$/.test(id)) return undefined;
    const bytes = await this.#storage.read(`access/keys/${id}`);
    if (bytes === undefined) return undefined;
    const key = await readKey(JSON.parse(bytes.toString()));
    this.#known.set(id, key);
    return key;
  }

  async #refresh(oldest = freshness): Promise<void> {
    if (this.#readAt <= Date.now() - oldest) {
      this.#readAt = Date.now();
      this.#reading = this.#readAll();
      this.#reading.catch(() => {
        this.#readAt = 0;
      });
    }
    await this.#reading;
  }

  async #readAll(): Promise<void> {
    const began = Date.now();
    const names = await this.#storage.list('access/keys');
    const known = await Promise.all(
      names.map(async (name) => {
        const bytes = await this.#storage.read(`access/keys/${name}`);
        return bytes && (this.#known.get(name) ?? readKey(JSON.parse(bytes.toString())));
      }),
    );
    const made = [...this.#known.values()].filter(({ createdAt }) => createdAt >= began);
    this.#known = new Map([...known, ...made].flatMap((key) => (key ? [[key.id, key]] : [])));
  }
}

async function readKey({
  id,
  createdAt,
  jwk,
}: {
  id: string;
  createdAt: number;
  jwk: JWK;
}): Promise<TokenKey> {
  const { d: _, ...publicJwk } = jwk;
  const [privateKey, publicKey] = await Promise.all([importJWK(jwk, 'EdDSA'), importJWK(publicJwk, 'EdDSA')]);
  return { id, createdAt, privateKey: privateKey as CryptoKey, publicKey: publicKey as CryptoKey };
}

function isDead({ createdAt }: TokenKey): boolean {
  return createdAt < Date.now() - signingLife - afterlife;
}
