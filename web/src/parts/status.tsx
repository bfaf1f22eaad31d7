import { useEffect, useState } from 'preact/hooks';

let show: (text: string) => void = () => undefined;

/** Says in passing what has been done: shown for some seconds, and read out. */
export function announce(text: string): void {
  show(text);
}

/** Where that is shown; one for the page. */
export function Status() {
  const [text, setText] = useState('');
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    show = (said) => {
      clearTimeout(timer);
      setText(said);
      timer = setTimeout(() => setText(''), 4000);
    };
  }, []);
  return (
    <div class="status" role="status" data-shown={text !== ''}>
      {text}
    </div>
  );
}
