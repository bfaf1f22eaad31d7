import type { Command } from 'commander';
import { hashPassword } from '../../registry-server/index.ts';
import type { Cli } from '../cli.ts';
import { invalidFlag } from '../flag-values.ts';
import { formatTable } from '../format.ts';
import { collect } from '../image-filters.ts';
import { stdout } from '../output.ts';
import { askSecret, readSecret } from '../read-secret.ts';
import { type StoreFlags, withAccounts, withStorage } from '../registry-store.ts';

interface AddFlags extends StoreFlags {
  admin?: true;
  group?: string[];
  passwordStdin?: true;
}

export function define(command: Command, cli: Cli): void {
  withStorage(command.command('add'))
    .description('make a user, or change one')
    .argument('<name>')
    .option('--admin', 'may do everything, and manage accounts')
    .option('--group <group>', 'a group to whose members something is granted', collect)
    .option('--password-stdin', 'read the password from stdin')
    .action((name: string, flags: AddFlags) => addUser(cli, name, flags));
  withStorage(command.command('ls'))
    .description('list users')
    .option('--format <format>', 'json')
    .action((flags: StoreFlags & { format?: string }) => listUsers(cli, flags));
  withStorage(command.command('rm'))
    .description('remove users, with what was granted to them')
    .argument('<name...>')
    .action((names: readonly string[], flags: StoreFlags) =>
      withAccounts(cli, flags, async (accounts) => {
        for (const name of names) await accounts.removeUser(name);
      }),
    );
}

async function addUser(cli: Cli, name: string, flags: AddFlags): Promise<void> {
  const password = await (flags.passwordStdin
    ? readSecret()
    : askSecret('Password: ', 'give the password by --password-stdin'));
  if (password === '') throw invalidFlag('--password-stdin', '', 'the password is empty');
  await withAccounts(cli, flags, async (accounts) =>
    accounts.putUser({
      name,
      password: await hashPassword(password),
      groups: flags.group ?? [],
      isAdmin: flags.admin === true,
      createdAt: new Date().toISOString(),
    }),
  );
  stdout().write(`${name}\n`);
}

function listUsers(cli: Cli, flags: StoreFlags & { format?: string }): Promise<void> {
  return withAccounts(cli, flags, async (accounts) => {
    const users = (await accounts.users()).map(({ password: _, ...user }) => user);
    if (flags.format === 'json')
      return void stdout().write(users.map((user) => `${JSON.stringify(user)}\n`).join(''));
    const rows = users.map(({ name, groups, isAdmin, createdAt }) => [
      name,
      isAdmin ? 'yes' : '',
      groups.join(','),
      createdAt,
    ]);
    stdout().write(formatTable([['NAME', 'ADMIN', 'GROUPS', 'CREATED'], ...rows]));
  });
}
