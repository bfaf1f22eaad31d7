import { type Command, Option } from 'commander';
import { defined } from './container-options.ts';
import { secondsFlag } from './flag-values.ts';

/** How a container is stopped, as commander gives it. */
export interface StopFlags {
  signal?: string;
  time?: number;
  timeout?: number;
}

/** The flags that `stop` and `restart` share. */
export function addStopFlags(command: Command): Command {
  return command
    .option('-s, --signal <signal>', 'instead of its stop signal')
    .option('-t, --timeout <seconds>', 'wait before SIGKILL; -1: for ever', secondsFlag('--timeout'))
    .addOption(new Option('--time <seconds>').argParser(secondsFlag('--time')).hideHelp());
}

/** What they ask for. */
export function stopOptions({ signal, time, timeout = time }: StopFlags) {
  return defined({ stopSignal: signal, timeout });
}
