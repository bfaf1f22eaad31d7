import type { Command } from 'commander';
import { EngineError } from '../../errors/index.ts';
import type { Cli } from '../cli.ts';
import { invalidFlag } from '../flag-values.ts';
import { stdout } from '../output.ts';

export function define(command: Command, cli: Cli): void {
  command
    .argument('<container>')
    .argument('[port]', 'only this one: 80 or 80/tcp')
    .action(async (name: string, port: string | undefined) => {
      const { ports } = await (await cli.engine()).containers.inspect(name);
      const wanted = port === undefined ? undefined : parsePort(port);
      const shown = ports.filter(({ container }) => wanted === undefined || container === wanted);
      if (wanted !== undefined && shown.length === 0) throw notPublished(name, wanted);
      for (const { container, address, host } of shown)
        stdout().write(wanted ? `${address}:${host}\n` : `${container} -> ${address}:${host}\n`);
    });
}

function parsePort(text: string): string {
  const match = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text);
  if (!match) throw invalidFlag('port', text, 'write a port, and its protocol if it is not tcp: 53/udp');
  return `${match[1]}/${match[2] ?? 'tcp'}`;
}

/** docker's text. */
function notPublished(name: string, port: string): EngineError {
  return new EngineError('ERR_PORT_NOT_PUBLISHED', `no public port '${port}' published for ${name}`, {
    details: { container: name, port },
  });
}
