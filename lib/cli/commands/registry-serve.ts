import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import type { Command } from 'commander';
import {
  type AccessOptions,
  loadRegistrySettings,
  openRegistry,
  parseRole,
  type Registry,
  type RegistryOptions,
  type RequestRecord,
} from '../../registry-server/index.ts';
import type { Cli } from '../cli.ts';
import { invalidFlag } from '../flag-values.ts';
import { stderr, stdout } from '../output.ts';
import { openRegistryStorage, type StoreFlags, withStorage } from '../registry-store.ts';

interface ServeFlags extends StoreFlags {
  listen: string;
  tlsCert?: string;
  tlsKey?: string;
  clientCa?: string;
  anonymous?: string;
  users?: string;
  htpasswd?: string;
  issuer?: string;
  issuerJwks?: string;
  issuerAudience?: string;
  issuerRealm?: string;
  settings?: string;
  auditLog?: string;
  log: string;
}

const roles = 'none, pull, push, delete or admin';

export function define(command: Command, cli: Cli): void {
  withStorage(command)
    .option('--listen <host:port>', 'where it listens', '127.0.0.1:5000')
    .option('--tls-cert <file>', 'certificate, PEM; read again at SIGHUP')
    .option('--tls-key <file>', 'its key')
    .option('--client-ca <file>', 'clients must show a certificate that this one signed')
    .option('--anonymous <role>', `what everybody may do: ${roles}`)
    .option('--users <role>', `what every user may do, beside what is granted: ${roles}`)
    .option('--htpasswd <file>', 'users of htpasswd -B')
    .option('--issuer <name>', 'iss of tokens that somebody else signs')
    .option('--issuer-jwks <url>', "that issuer's keys: a URL or a file")
    .option('--issuer-audience <name>', 'aud of its tokens for this registry')
    .option('--issuer-realm <url>', 'where clients get one')
    .option('--settings <file>', 'immutable tags, quotas, retention, mirrors, webhooks (docs/registry.md)')
    .option('--audit-log <file>', 'append who changed what, a line of JSON each')
    .option('--log <format>', 'of requests: json or none', 'none')
    .action((flags: ServeFlags) => serve(cli, flags));
}

/** Until SIGINT or SIGTERM, which let requests end that run. */
async function serve(cli: Cli, flags: ServeFlags): Promise<void> {
  const audit =
    flags.auditLog === undefined ? undefined : createWriteStream(flags.auditLog, { flags: 'a', mode: 0o600 });
  if (audit) await once(audit, 'open');
  const registry = await openRegistry(await optionsOf(cli, flags, audit));
  stdout().write(`${registry.url}\n`);
  process.on('SIGHUP', () => reload(registry));
  await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)));
  await registry.close();
  audit?.end();
}

function reload(registry: Registry): void {
  registry.reloadTls().then(
    () => stderr().write('strake: the certificate has been read again\n'),
    (error: Error) => stderr().write(`strake: the certificate stays as it was: ${error.message}\n`),
  );
}

async function optionsOf(
  cli: Cli,
  flags: ServeFlags,
  audit: WriteStream | undefined,
): Promise<RegistryOptions> {
  const { host, port } = parseListen(flags.listen);
  const access = accessOf(flags);
  const tls = tlsOf(flags);
  return {
    storage: await openRegistryStorage(cli, flags),
    host,
    port,
    ...(tls && { tls }),
    ...(access && { access }),
    ...(flags.settings && { settings: await loadRegistrySettings(flags.settings) }),
    onRequest: requestLog(flags.log, audit),
    onFailed: (error) => stderr().write(`strake: ${(error as Error).message}\n`),
  };
}

/** Requests as lines of JSON on stdout; those that change something in the audit log; our own failures on stderr. */
function requestLog(format: string, audit: WriteStream | undefined): (record: RequestRecord) => void {
  if (!['json', 'none'].includes(format)) throw invalidFlag('--log', format, 'write json or none');
  return (record) => {
    const line = `${JSON.stringify(record)}\n`;
    if (format === 'json') stdout().write(line);
    if (!['GET', 'HEAD'].includes(record.method)) audit?.write(line);
    if (record.cause !== undefined)
      stderr().write(`strake: ${record.method} ${record.path}: ${record.cause}\n`);
  };
}

/** Undefined where nothing is said: then the address decides. */
function accessOf(flags: ServeFlags): AccessOptions | undefined {
  const { anonymous, users, htpasswd, issuer, issuerJwks, issuerAudience, issuerRealm } = flags;
  const outside = [issuer, issuerJwks, issuerAudience, issuerRealm];
  if ([anonymous, users, htpasswd, ...outside].every((flag) => flag === undefined)) return undefined;
  if (outside.some((flag) => flag !== undefined) && outside.some((flag) => flag === undefined))
    throw invalidFlag(
      '--issuer',
      issuer ?? '',
      'give --issuer-jwks, --issuer-audience and --issuer-realm with it',
    );
  const usersRole = users ?? (htpasswd === undefined ? undefined : 'push');
  return {
    ...(anonymous !== undefined && { anonymous: parseRole(anonymous) }),
    ...(usersRole !== undefined && { users: parseRole(usersRole) }),
    ...(htpasswd !== undefined && { htpasswd }),
    ...(issuer && {
      issuer: {
        issuer,
        jwks: issuerJwks ?? '',
        audience: issuerAudience ?? '',
        realm: issuerRealm ?? '',
      },
    }),
  };
}

function tlsOf({ tlsCert, tlsKey, clientCa }: ServeFlags): RegistryOptions['tls'] {
  if (tlsCert === undefined && tlsKey === undefined && clientCa === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined)
    throw invalidFlag('--tls-cert', tlsCert ?? '', 'give --tls-cert and --tls-key together');
  return { cert: tlsCert, key: tlsKey, ...(clientCa && { clientCa }) };
}

function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null || Number(match[3]) > 65_535)
    throw invalidFlag('--listen', text, 'write HOST:PORT, such as 127.0.0.1:5000 or [::]:5000');
  return { host: match[1] ?? (match[2] || '0.0.0.0'), port: Number(match[3]) };
}
