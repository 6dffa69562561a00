// What the guests of a job have printed on their serial consoles, as it comes.
// Promises: keeps the end of it, and stays at the end for as long as one has not scrolled up.
import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import { useStream } from '../../data/live.tsx';
import { Empty } from '../../ui/empty.tsx';
import css from './job.module.css';

const mostCharacters = 400_000;

interface Printed {
  readonly pod: string;
  readonly attempt: number;
  readonly text: string;
}

export function JobOutput({ namespace, name }: { readonly namespace: string; readonly name: string }) {
  const stream = useStream();
  const [parts, setParts] = useState<readonly Printed[]>([]);
  const [refused, setRefused] = useState<string>();
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useEffect(() => {
    setParts([]);
    let pending: Printed[] = [];
    let frame: number | undefined;
    const flush = (): void => {
      frame = undefined;
      const news = pending;
      pending = [];
      setParts((before) => news.reduce(joined, before));
    };
    const end = stream.subscribe({ topic: 'output', namespace, name }, (message) => {
      if (message.type === 'error') setRefused(message.problem.detail);
      if (message.type !== 'output') return;
      pending.push({ pod: message.pod, attempt: message.attempt, text: cleaned(message.text) });
      frame ??= requestAnimationFrame(flush);
    });
    return () => {
      end();
      if (frame !== undefined) cancelAnimationFrame(frame);
    };
  }, [stream, namespace, name]);
  useLayoutEffect(() => {
    if (box.current !== null && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [parts]);
  if (refused !== undefined) return <Empty title="You may not read the output">{refused}</Empty>;
  if (parts.length === 0) {
    return (
      <Empty title="Nothing printed so far">
        What the guest prints on its serial console appears here as it comes.
      </Empty>
    );
  }
  return (
    <pre
      ref={box}
      className={css.output}
      tabIndex={0}
      aria-label="Output of the job"
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        atEnd.current = scrollHeight - scrollTop - clientHeight < 24;
      }}
    >
      {parts.map(({ pod, attempt, text }) => (
        <span key={pod}>
          <span className={css.mark}>{`── attempt ${attempt}, ${pod}\n`}</span>
          {text.replaceAll(markers, '')}
        </span>
      ))}
    </pre>
  );
}

function joined(parts: readonly Printed[], news: Printed): readonly Printed[] {
  const known = parts.findIndex(({ pod }) => pod === news.pod);
  if (known < 0) return [...parts, news];
  return parts.map((part, index) =>
    index === known ? { ...part, text: (part.text + news.text).slice(-mostCharacters) } : part,
  );
}

// A terminal would act on these; a page would show them as rubbish.
const controls = new RegExp('\\u001b\\[[0-9;?]*[A-Za-z]|\\u001b[()][A-Za-z0-9]|[\\u0000-\\u0008\\u000b-\\u001f]', 'g');
/** Lines by which the guest tells the operator how far it is; their words are in the timeline. */
const markers = /^idlewild:[0-9a-f]{8,64}:(?:start|ready|exit:\d+)\r?\n/gm;
const cleaned = (text: string): string => text.replaceAll(controls, '');
