import { useState } from 'preact/hooks';
import { Icon } from './icon.tsx';
import { announce } from './status.tsx';

/** Copies a text; `what` it is stands in its name. */
export function CopyButton({ text, what }: { readonly text: string; readonly what: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await copyText(text);
    setCopied(true);
    announce(`${what} copied`);
    setTimeout(() => setCopied(false), 1500);
  };
  return (
    <button
      type="button"
      class="quiet copy"
      aria-label={`Copy ${what}`}
      title={`Copy ${what}`}
      onClick={() => void copy()}
    >
      <Icon name={isCopied ? 'check' : 'copy'} />
    </button>
  );
}

/** On plain HTTP, but for this machine, browsers have no clipboard for pages: the old way. */
async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const field = document.createElement('textarea');
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
}

/** A command to be pasted into a shell. */
export function Command({ text, what }: { readonly text: string; readonly what: string }) {
  return (
    <div class="command">
      <code>{text}</code>
      <CopyButton text={text} what={what} />
    </div>
  );
}
