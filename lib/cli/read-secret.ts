import { ReadStream } from 'node:tty';
import { EngineError } from '../errors/index.ts';
import { stderr } from './output.ts';

/** Bytes that a password may have; more is a file that was redirected by mistake. */
const maxSecret = 64 * 1024;

/** What is typed on the terminal after a question. @throws EngineError ERR_INVALID_ARGUMENT where there is no terminal */
export async function ask(question: string, remedy: string): Promise<string> {
  const terminal = requireTerminal(remedy);
  stderr().write(question);
  return (await readTyped(terminal)).trim();
}

/** The same without showing it. */
export async function askSecret(question: string, remedy: string): Promise<string> {
  const terminal = requireTerminal(remedy);
  terminal.setRawMode(true);
  stderr().write(question);
  try {
    return await readTyped(terminal);
  } finally {
    terminal.setRawMode(false);
    stderr().write('\n');
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
function readTyped(terminal: ReadStream): Promise<string> {
  return new Promise((resolve, reject) => {
    let typed = '';
    const take = (chunk: Buffer) => {
      for (const key of chunk.toString('utf8')) {
        if (key === '\r' || key === '\n') return end(() => resolve(typed));
        if (key === '\x03' || key === '\x04') return end(() => reject(aborted()));
        typed = edited(typed, key);
      }
    };
    const end = (settle: () => void) => {
      terminal.off('data', take).off('end', stop).pause();
      settle();
    };
    const stop = () => end(() => reject(aborted()));
    terminal.on('data', take).on('end', stop).resume();
  });
}

function edited(typed: string, key: string): string {
  if (key === '\x7f' || key === '\b') return [...typed].slice(0, -1).join('');
  return key === '\x15' ? '' : typed + key;
}

function aborted(): EngineError {
  return new EngineError('ERR_ABORTED', 'aborted');
}
