import type { Command } from 'commander';
import type { StoredLogin } from '../../engine/index.ts';
import { EngineError } from '../../errors/index.ts';
import type { Cli } from '../cli.ts';
import { stderr, stdout } from '../output.ts';
import { ask, askSecret, readSecret } from '../read-secret.ts';
import { untilInterrupted } from '../until-interrupted.ts';

interface LoginFlags {
  username?: string;
  password?: string;
  passwordStdin?: true;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('-u, --username <name>', 'name of the account')
    .option(
      '-p, --password <password>',
      'password or access token; others on this machine can read it meanwhile',
    )
    .option('--password-stdin', 'read the password from stdin')
    .argument('[registry]', 'host, and port if need be; Docker Hub by default')
    .action(async (registry: string | undefined, flags: LoginFlags) => {
      const given = await readLogin(flags);
      const registries = await cli.registries();
      await untilInterrupted('login interrupted', async (signal) => {
        const stored = await registries.login(registry ?? 'docker.io', given, { signal });
        warnOfPlainText(stored);
        stdout().write('Login Succeeded\n');
      });
    });
}

async function readLogin(flags: LoginFlags): Promise<{ username: string; password: string }> {
  if (flags.passwordStdin && flags.password !== undefined)
    throw invalid('--password and --password-stdin exclude each other');
  if (flags.passwordStdin && flags.username === undefined)
    throw invalid('--password-stdin needs --username, too');
  if (flags.password !== undefined)
    stderr().write('strake: warning: --password can be seen by others: use --password-stdin\n');
  const username = flags.username ?? (await ask('Username: ', 'give --username and --password-stdin'));
  if (username === '') throw invalid('the username is empty');
  const password = await readPassword(flags);
  if (password === '') throw invalid('the password is empty');
  return { username, password };
}

async function readPassword({ password, passwordStdin }: LoginFlags): Promise<string> {
  if (password !== undefined) return password;
  return passwordStdin ? readSecret() : askSecret('Password: ', 'give the password by --password-stdin');
}

function warnOfPlainText(stored: StoredLogin): void {
  if (stored.in !== 'file') return;
  stderr().write(
    `strake: warning: the password is stored unencrypted in ${stored.path}: name a credential helper there (credsStore) to have it kept elsewhere\n`,
  );
}

function invalid(message: string): EngineError {
  return new EngineError('ERR_INVALID_ARGUMENT', message);
}
