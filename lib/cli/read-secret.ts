import { createInterface } from 'node:readline/promises';
import { ReadStream } from 'node:tty';
import { EngineError } from '../errors/index.ts';

/** Bytes that a password may have; more is a file that was redirected by mistake. */
const maxSecret = 64 * 1024;

/** What is typed on the terminal after a question. @throws EngineError ERR_INVALID_ARGUMENT where there is no terminal */
export async function ask(question: string, remedy: string): Promise<string> {
  requireTerminal(remedy);
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await lines.question(question)).trim();
  } finally {
    lines.close();
  }
}

/** The same without showing it. */
export async function askSecret(question: string, remedy: string): Promise<string> {
  const terminal = requireTerminal(remedy);
  process.stderr.write(question);
  terminal.setRawMode(true);
  try {
    return await readTyped(terminal);
  } finally {
    terminal.setRawMode(false);
    terminal.pause();
    process.stderr.write('\n');
  }
}

/** All of stdin, without the end of its last line: `--password-stdin`. */
export async function readSecret(): Promise<string> {
  let text = '';
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk;
    if (text.length > maxSecret) {
      throw new EngineError(
        'ERR_INVALID_ARGUMENT',
        `stdin has more than the ${maxSecret} bytes of a password`,
      );
    }
  }
  return text.replace(/\r?\n$/, '');
}

function requireTerminal(remedy: string): ReadStream {
  if (process.stdin instanceof ReadStream) return process.stdin;
  throw new EngineError('ERR_INVALID_ARGUMENT', `stdin is no terminal: ${remedy}`);
}

/** To the end of the line; backspace and ctrl-u work, ctrl-c and ctrl-d abort. */
async function readTyped(terminal: ReadStream): Promise<string> {
  let typed = '';
  for await (const chunk of terminal.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    for (const key of chunk as string) {
      if (key === '\r' || key === '\n') return typed;
      if (key === '\x03' || key === '\x04') throw new EngineError('ERR_ABORTED', 'aborted');
      if (key === '\x7f' || key === '\b') typed = [...typed].slice(0, -1).join('');
      else if (key === '\x15') typed = '';
      else typed += key;
    }
  }
  return typed;
}
