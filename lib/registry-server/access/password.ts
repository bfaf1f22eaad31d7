import { createHash, randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto';

/** RFC 7914; OWASP's choice of 2023: 32 MiB and some 80 ms. */
const cost = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 << 20 };
const length = 32;

/** `$scrypt$N$r$p$salt$hash`, by Node's own threads. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, cost);
  const { N, r, p } = cost;
  return ['', 'scrypt', N, r, p, salt.toString('base64url'), hash.toString('base64url')].join('$');
}

/** Whether a password is the one that was hashed: by hashPassword(), as bcrypt (`$2y$`), or as argon2 (`$argon2id$`). */
export async function verifyPassword(password: string, hashed: string): Promise<boolean> {
  if (hashed.startsWith('$scrypt$')) return verifyScrypt(password, hashed);
  if (/^\$2[aby]\$/.test(hashed)) return (await import('bcryptjs')).compare(password, hashed);
  if (hashed.startsWith('$argon2')) return verifyArgon2(password, hashed);
  return false;
}

/** Whether verifyPassword() knows this form. */
export function isKnownHash(hashed: string): boolean {
  return /^\$(scrypt|2[aby]|argon2(id|i|d))\$/.test(hashed);
}

/** sha256, for secrets that are random. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Takes as long for every answer. */
export function isSecret(secret: string, hashed: string): boolean {
  const [actual, expected] = [Buffer.from(hashSecret(secret)), Buffer.from(hashed)];
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

async function verifyScrypt(password: string, hashed: string): Promise<boolean> {
  const [, , N, r, p, salt = '', hash = ''] = hashed.split('$');
  const expected = Buffer.from(hash, 'base64url');
  if (expected.length !== length) return false;
  const options = { N: Number(N), r: Number(r), p: Number(p), maxmem: cost.maxmem };
  return timingSafeEqual(await derive(password, Buffer.from(salt, 'base64url'), options), expected);
}

async function verifyArgon2(password: string, hash: string): Promise<boolean> {
  const { argon2Verify } = await import('hash-wasm');
  return argon2Verify({ password, hash }).catch(() => false);
}

function derive(password: string, salt: Buffer, options: ScryptOptions): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, length, options, (error, key) => (error ? reject(error) : resolve(key)));
  });
}
