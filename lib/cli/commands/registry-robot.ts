import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { hashSecret, robotPrefix } from '../../registry-server/index.ts';
import type { Cli } from '../cli.ts';
import { durationFlag } from '../flag-values.ts';
import { formatTable } from '../format.ts';
import { stdout } from '../output.ts';
import { type StoreFlags, withAccounts, withStorage } from '../registry-store.ts';

export function define(command: Command, cli: Cli): void {
  withStorage(command.command('add'))
    .description("make a program's account; prints its name and its secret, which is shown this once")
    .argument('<name>')
    .option('--expires <time>', 'from now, such as 720h; without it, never', durationFlag('--expires'))
    .action((name: string, flags: StoreFlags & { expires?: number }) => addRobot(cli, name, flags));
  withStorage(command.command('ls'))
    .description('list robots')
    .option('--format <format>', 'json')
    .action((flags: StoreFlags & { format?: string }) => listRobots(cli, flags));
  withStorage(command.command('rm'))
    .description('remove robots, with what was granted to them')
    .argument('<name...>')
    .action((names: readonly string[], flags: StoreFlags) =>
      withAccounts(cli, flags, async (accounts) => {
        for (const name of names) await accounts.removeRobot(name);
      }),
    );
}

async function addRobot(cli: Cli, name: string, flags: StoreFlags & { expires?: number }): Promise<void> {
  const secret = randomBytes(32).toString('base64url');
  const { expires } = flags;
  await withAccounts(cli, flags, (accounts) =>
    accounts.putRobot({
      name,
      secret: hashSecret(secret),
      createdAt: new Date().toISOString(),
      ...(expires !== undefined && { expiresAt: new Date(Date.now() + expires).toISOString() }),
    }),
  );
  stdout().write(`${robotPrefix}${name} ${secret}\n`);
}

function listRobots(cli: Cli, flags: StoreFlags & { format?: string }): Promise<void> {
  return withAccounts(cli, flags, async (accounts) => {
    const robots = (await accounts.robots()).map(({ secret: _, ...robot }) => robot);
    if (flags.format === 'json')
      return void stdout().write(robots.map((robot) => `${JSON.stringify(robot)}\n`).join(''));
    const rows = robots.map(({ name, createdAt, expiresAt = 'never' }) => [
      robotPrefix + name,
      createdAt,
      expiresAt,
    ]);
    stdout().write(formatTable([['NAME', 'CREATED', 'EXPIRES'], ...rows]));
  });
}
