import type { Command } from 'commander';
import { parseRole } from '../../registry-server/index.ts';
import type { Cli } from '../cli.ts';
import { formatTable } from '../format.ts';
import { stdout } from '../output.ts';
import { type StoreFlags, withAccounts, withStorage } from '../registry-store.ts';

const grantee = 'user:NAME, group:NAME, robot:NAME, users (whoever has logged in), or anonymous (everybody)';

export function define(command: Command, cli: Cli): void {
  withStorage(command.command('add'))
    .description('let somebody do something; in place of what he had for the same scope')
    .argument('<to>', grantee)
    .argument('<scope>', '* for all repositories, team/* for those of a namespace, or one repository')
    .argument('<role>', 'pull, push, delete or admin; each includes those before it')
    .action((to: string, scope: string, role: string, flags: StoreFlags) =>
      withAccounts(cli, flags, (accounts) => accounts.putGrant({ to, scope, role: parseRole(role) })),
    );
  withStorage(command.command('rm'))
    .description('take it back')
    .argument('<to>', grantee)
    .argument('<scope>')
    .action((to: string, scope: string, flags: StoreFlags) =>
      withAccounts(cli, flags, (accounts) => accounts.removeGrant({ to, scope })),
    );
  withStorage(command.command('ls'))
    .description('list who may what')
    .option('--format <format>', 'json')
    .action((flags: StoreFlags & { format?: string }) => listGrants(cli, flags));
}

function listGrants(cli: Cli, flags: StoreFlags & { format?: string }): Promise<void> {
  return withAccounts(cli, flags, async (accounts) => {
    const grants = await accounts.grants();
    if (flags.format === 'json')
      return void stdout().write(grants.map((grant) => `${JSON.stringify(grant)}\n`).join(''));
    const rows = grants.map(({ to, scope, role }) => [to, scope, role]).sort();
    stdout().write(formatTable([['TO', 'SCOPE', 'ROLE'], ...rows]));
  });
}
