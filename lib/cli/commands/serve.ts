import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { type EngineApi, type EngineApiOptions, openEngineApi } from '../../engine-api/index.ts';
import type { Cli } from '../cli.ts';
import { invalidFlag, list } from '../flag-values.ts';
import { stderr, stdout } from '../output.ts';

interface ServeFlags {
  host?: string[];
  group?: string;
  tlsverify?: boolean;
  tlscacert?: string;
  tlscert?: string;
  tlskey?: string;
  insecure?: boolean;
}

const defaultAddress = 'unix:///run/strake/docker.sock';

export function define(command: Command, cli: Cli): void {
  command
    .option(
      '-H, --host <address>',
      `where it listens, again and again: unix:///PATH, tcp://HOST:PORT, fd:// (default: ${defaultAddress}, or the sockets that a service manager hands over)`,
      list,
    )
    .option(
      '-G, --group <name>',
      'whose members may use the unix sockets: they are then root on this machine',
    )
    .option('--tlsverify', 'tcp: answer only clients that show a certificate which --tlscacert signed')
    .option('--tlscacert <file>', 'that authority, PEM')
    .option('--tlscert <file>', 'certificate, PEM; read again at SIGHUP')
    .option('--tlskey <file>', 'its key')
    .option('--insecure', 'tcp: answer everybody, who is then root on this machine')
    .action((flags: ServeFlags) => serve(cli, flags));
}

/** Until SIGINT or SIGTERM, which let requests end that run. Containers go on. */
async function serve(cli: Cli, flags: ServeFlags): Promise<void> {
  const api = await openEngineApi(await cli.engine(), optionsOf(flags));
  for (const address of api.addresses) stdout().write(`${address}\n`);
  process.on('SIGHUP', () => reload(api));
  await Promise.race(['SIGINT', 'SIGTERM'].map((signal) => once(process, signal)));
  await api.close();
}

function reload(api: EngineApi): void {
  api.reloadTls().then(
    () => stderr().write('strake: the certificate has been read again\n'),
    (error: Error) => stderr().write(`strake: the certificate stays as it was: ${error.message}\n`),
  );
}

function optionsOf(flags: ServeFlags): EngineApiOptions {
  const tls = tlsOf(flags);
  return {
    listen: flags.host ?? [process.env.LISTEN_FDS ? 'fd://' : defaultAddress],
    ...(flags.group !== undefined && { socketGid: groupId(flags.group) }),
    ...(tls && { tls }),
    insecure: flags.insecure === true,
    onFailed: (error, { method, url }) =>
      stderr().write(`strake: ${method} ${url?.slice(0, 200)}: ${(error as Error).message}\n`),
  };
}

function tlsOf({ tlsverify, tlscacert, tlscert, tlskey }: ServeFlags): EngineApiOptions['tls'] {
  if (tlsverify && tlscacert === undefined)
    throw invalidFlag('--tlsverify', '', 'give --tlscacert, --tlscert and --tlskey with it');
  if (tlscert === undefined && tlskey === undefined && tlscacert === undefined) return undefined;
  if (tlscert === undefined || tlskey === undefined)
    throw invalidFlag('--tlscert', tlscert ?? '', 'give --tlscert and --tlskey together');
  return { cert: tlscert, key: tlskey, ...(tlsverify && tlscacert && { clientCa: tlscacert }) };
}

/** By number, or by name in /etc/group. */
function groupId(group: string): number {
  if (/^\d{1,10}$/.test(group)) return Number(group);
  const line = readFileSync('/etc/group', 'utf8')
    .split('\n')
    .find((one) => one.startsWith(`${group}:`));
  if (line === undefined) throw invalidFlag('--group', group, 'there is no such group: groupadd makes one');
  return Number(line.split(':')[2]);
}
