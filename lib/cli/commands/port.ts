import type { Command } from 'commander';
import type { Cli } from '../cli.ts';
import { invalidFlag } from '../flag-values.ts';
import { parsePublishFlag } from '../network-flags.ts';
import { stderr, stdout } from '../output.ts';
import { hostAddress } from '../port-rows.ts';
import { ExitCode } from '../report-error.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<words...>', 'CONTAINER [PORT[/PROTOCOL]] | add CONTAINER PORTS... | rm CONTAINER PORTS...')
    .action(async (words: string[]) => {
      const [verb = '', container = '', ...ports] = words;
      if (ports.length > 0 && (verb === 'add' || verb === 'rm')) await change(cli, verb, container, ports);
      else if (words.length <= 2) await list(cli, verb, container);
      else throw invalidFlag('port', words.join(' '), 'write CONTAINER [PORT], or add|rm CONTAINER PORTS');
    });
}

/** `ports` as for --publish. */
async function change(cli: Cli, verb: 'add' | 'rm', container: string, ports: string[]): Promise<void> {
  const { containers } = await cli.engine();
  for (const port of ports.map(parsePublishFlag))
    await (verb === 'add' ? containers.publish(container, port) : containers.unpublish(container, port));
}

async function list(cli: Cli, container: string, only: string): Promise<void> {
  const { ports } = await (await cli.engine()).containers.inspect(container);
  const wanted = only === '' || only.includes('/') ? only : `${only}/tcp`;
  const named = ports.map((port) => ({
    name: `${port.containerPort}/${port.protocol}`,
    host: hostAddress(port),
  }));
  const found = named.filter(({ name }) => wanted === '' || name === wanted);
  if (wanted !== '' && found.length === 0) {
    stderr().write(`strake: no public port '${wanted}' published for ${container}\n`);
    throw new ExitCode(1);
  }
  stdout().write(
    found.map(({ name, host }) => (wanted === '' ? `${name} -> ${host}\n` : `${host}\n`)).join(''),
  );
}
