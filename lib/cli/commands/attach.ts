import type { Command } from 'commander';
import { attachStdio } from '../attach-stdio.ts';
import type { Cli } from '../cli.ts';
import { detachKeys } from '../detach-keys.ts';
import { proxySignals } from '../proxy-signals.ts';
import { ExitCode } from '../report-error.ts';

interface AttachFlags {
  stdin: boolean;
  detachKeys?: string;
  sigProxy: string;
}

export function define(command: Command, cli: Cli): void {
  command
    .option('--no-stdin', 'do not send stdin')
    .option('--detach-keys <keys>', 'keys that detach from the terminal')
    .option('--sig-proxy <bool>', 'pass signals to the command', 'true')
    .argument('<container>')
    .action(async (name: string, flags: AttachFlags) => {
      const { containers } = await cli.engine();
      const container = await containers.get(name);
      const { tty, stdin } = await container.inspect();
      const sendsInput = stdin && flags.stdin;
      const keys = await detachKeys(cli, flags.detachKeys, { tty, stdin: sendsInput });
      const attachment = await container.attach({ stdin: sendsInput });
      using _signals =
        flags.sigProxy === 'false' || tty ? undefined : proxySignals((signal) => container.kill(signal));
      const ended = await attachStdio(attachment, { tty, stdin: sendsInput, ...keys });
      throw new ExitCode(ended === 'detached' ? 0 : ended.exitCode);
    });
}
