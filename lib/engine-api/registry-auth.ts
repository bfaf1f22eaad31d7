import type { IncomingMessage } from 'node:http';
import type { ExplicitCredentials } from '../registry-client/index.ts';
import type { JsonObject } from './json-body.ts';
import { Fields } from './json-fields.ts';

/**
 * What `X-Registry-Auth` shows a registry: base64url of an AuthConfig. Undefined where it is absent, empty or no such thing,
 * which docker takes for none, too: then what is stored on this machine is used.
 */
export function registryAuth({ headers }: IncomingMessage): ExplicitCredentials | undefined {
  const header = headers['x-registry-auth'];
  if (typeof header !== 'string' || header === '') return undefined;
  try {
    const parsed: unknown = JSON.parse(Buffer.from(header, 'base64').toString('utf8'));
    return typeof parsed === 'object' && parsed !== null
      ? credentialsOf(new Fields(parsed as JsonObject))
      : undefined;
  } catch {
    return undefined;
  }
}

/** Of docker's AuthConfig: a name and password, or a token in its place. Undefined when it has neither. */
export function credentialsOf(config: Fields): ExplicitCredentials | undefined {
  const [identityToken, registryToken] = [config.text('identitytoken'), config.text('registrytoken')];
  const [username, password, auth] = [config.text('username'), config.text('password'), config.text('auth')];
  if (registryToken) return { registryToken };
  if (identityToken) return { identityToken };
  if (username) return { username, password: password ?? '' };
  return auth ? basicAuth(auth) : undefined;
}

/** base64 of `name:password`. */
function basicAuth(auth: string): ExplicitCredentials | undefined {
  const text = Buffer.from(auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon > 0 ? { username: text.slice(0, colon), password: text.slice(colon + 1) } : undefined;
}
