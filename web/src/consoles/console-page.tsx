// The console of a job: its screen or its terminal, nothing around it but a bar.
// Promises: it outlives the guest's moves: while the guest is away the page says what happens and why, and is back by itself. All keys
// go to the guest but Ctrl+Alt+Shift, which leads out.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { jobRowOf } from '@idlewild/operator/portal/rows.ts';
import type { ConsoleLog } from '@idlewild/operator/portal/console-schemas.ts';
import type { ConsoleProtocol } from '@idlewild/operator/portal/schemas.ts';
import { Button, SegmentedControl, Text } from '@mantine/core';
import { useEffect, useRef, useState, type KeyboardEvent } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';
import { call, jobPath } from '../data/api.ts';
import { stateOf } from '../data/job-state.ts';
import { useJob } from '../data/live.tsx';
import { Empty } from '../ui/empty.tsx';
import { NotFound } from '../ui/not-found.tsx';
import { StateChip } from '../ui/state-chip.tsx';
import css from './console.module.css';
import { Line, type LineState } from './link.ts';
import { overlayOf, placeOf } from './place.ts';
import type { Screen } from './screen.ts';
import type { Serial, SerialPlace } from './serial.ts';
import { Toolbar } from './toolbar.tsx';
import { Watching } from './watching.tsx';

export type Console =
  { readonly kind: 'vnc'; readonly screen: Screen } | { readonly kind: 'serial'; readonly serial: Serial };

/** Longer than any good line needs: words that flash are worse than none. */
const overlayAfterMs = 1_200;

export function ConsolePage() {
  const { namespace = '', name = '' } = useParams();
  const { job, refused } = useJob(namespace, name);
  const [search, setSearch] = useSearchParams();
  useEffect(() => {
    document.title = `${name} · Idlewild`;
  }, [name]);
  if (refused !== undefined) return <Empty title="You may not see this job">{refused}</Empty>;
  if (job === undefined) return null;
  if (job === null) return <NotFound what="job">It was deleted, or the name is another one.</NotFound>;
  const usual = job.spec.console === 'VNC' ? 'vnc' : 'serial';
  const protocol: ConsoleProtocol = job.spec.console !== 'VNC' || search.get('as') === 'serial' ? 'serial' : usual;
  return (
    <Attached
      key={`${job.metadata.uid}${protocol}`}
      job={job}
      protocol={protocol}
      onProtocol={(next) => setSearch(next === usual ? {} : { as: next }, { replace: true })}
    />
  );
}

function Attached(o: {
  readonly job: ComputeJob;
  readonly protocol: ConsoleProtocol;
  readonly onProtocol: (protocol: ConsoleProtocol) => void;
}) {
  const { job, protocol } = o;
  const { namespace = '', name } = job.metadata;
  const row = jobRowOf(job);
  const box = useRef<HTMLDivElement>(null);
  const still = useRef<HTMLCanvasElement>(null);
  const bar = useRef<HTMLDivElement>(null);
  const [line, setLine] = useState<Line>();
  const [state, setState] = useState<LineState>({ kind: 'noGuest' });
  const [opened, setOpened] = useState<Console>();
  const attemptNow = row.attempt ?? 1;
  const where = useRef<SerialPlace>(undefined);
  where.current = {
    attempt: attemptNow,
    where: `attempt ${attemptNow} on ${row.node ?? 'its machine'}`,
    log: () => call<ConsoleLog>('GET', `${jobPath(namespace, name)}/console-log`),
  };

  useEffect(() => {
    let ended = false;
    let made: Console | undefined;
    let own: Line | undefined;
    void loaded(protocol, box.current, still.current).then((console) => {
      if (ended) {
        closed(console);
        return;
      }
      made = console;
      own = new Line({
        namespace,
        name,
        protocol,
        onState: setState,
        attach: (socket, live) => {
          if (console.kind === 'vnc') console.screen.attach(socket, live);
          else if (where.current !== undefined) console.serial.attach(socket, live, where.current);
        },
      });
      setOpened(console);
      setLine(own);
    });
    return () => {
      ended = true;
      own?.close();
      if (made !== undefined) closed(made);
    };
  }, [namespace, name, protocol]);

  const place = placeOf(job);
  const { attempt, node } = place ?? {};
  useEffect(() => {
    line?.moveTo(attempt === undefined || node === undefined ? undefined : { attempt, node });
  }, [line, attempt, node]);

  const overlay = overlayOf(job, state);
  const shown = useLate(overlay !== undefined, overlayAfterMs);
  const leave = (event: KeyboardEvent): void => {
    if (!(event.ctrlKey && event.altKey && event.shiftKey)) return;
    event.preventDefault();
    event.stopPropagation();
    bar.current?.querySelector<HTMLElement>('a, button')?.focus();
  };
  return (
    <div className={css.page} onKeyDownCapture={leave}>
      <header className={css.bar} ref={bar}>
        <Link to={`/jobs/${namespace}/${name}`} className={css.back}>
          {name}
        </Link>
        <StateChip state={stateOf(row)} />
        <span className={css.where}>{row.node}</span>
        {job.spec.console === 'VNC' && (
          <SegmentedControl
            size="xs"
            aria-label="Console"
            value={protocol}
            onChange={(next) => o.onProtocol(next as ConsoleProtocol)}
            data={[
              { value: 'vnc', label: 'Screen' },
              { value: 'serial', label: 'Terminal' },
            ]}
          />
        )}
        <Toolbar console={opened} live={state.kind === 'live'} name={name} />
      </header>
      <main className={css.stage}>
        <h1 className={css.hidden}>Console of {name}</h1>
        <canvas ref={still} className={css.still} hidden aria-hidden />
        <div
          ref={box}
          className={protocol === 'vnc' ? css.screen : css.terminal}
          data-line={state.kind}
          role={protocol === 'vnc' ? 'application' : 'group'}
          aria-label={`${protocol === 'vnc' ? 'Screen' : 'Terminal'} of ${name}; all keys go to it, Ctrl+Alt+Shift leads out`}
        />
        {state.kind === 'inUse' && <Watching namespace={namespace} name={name} onTakeOver={() => line?.now(true)} />}
        {overlay !== undefined && shown && (
          <div className={overlay.covers ? css.overlay : css.remark} role="status">
            <Text fw={700} size={overlay.covers ? 'lg' : 'sm'}>
              {overlay.title}
            </Text>
            <Text size="sm">{overlay.line}</Text>
            {overlay.action === 'retry' && (
              <Button size="xs" variant="default" mt="sm" onClick={() => line?.now()}>
                Try now
              </Button>
            )}
          </div>
        )}
      </main>
    </div>
  );
}

async function loaded(
  protocol: ConsoleProtocol,
  element: HTMLDivElement | null,
  still: HTMLCanvasElement | null,
): Promise<Console> {
  if (element === null || still === null) throw new Error('the page has no place for the console');
  if (protocol === 'vnc') {
    const { Screen: Opened } = await import('./screen.ts');
    return { kind: 'vnc', screen: new Opened(element, still) };
  }
  const { Serial: Opened } = await import('./serial.ts');
  return { kind: 'serial', serial: new Opened(element) };
}

function closed(console: Console): void {
  if (console.kind === 'vnc') console.screen.close();
  else console.serial.close();
}

/** True once `value` has been true for so long; false at once. */
function useLate(value: boolean, ms: number): boolean {
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (!value) {
      setLate(false);
      return undefined;
    }
    const timer = setTimeout(() => setLate(true), ms);
    return () => clearTimeout(timer);
  }, [value, ms]);
  return value && late;
}
