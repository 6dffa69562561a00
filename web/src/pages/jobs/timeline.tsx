// The timeline of a job: attempts as rows of bars on a common axis, which can be zoomed by wheel, buttons and keys; and the same as a
// table, which is also how it is read by those who cannot see it.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { ActionIcon, Group, VisuallyHidden } from '@mantine/core';
import { IconArrowLeft, IconArrowRight, IconArrowsHorizontal, IconMinus, IconPlus } from '@tabler/icons-react';
import { useEffect, useLayoutEffect, useMemo, useRef, useState, type KeyboardEvent, type RefObject } from 'react';
import { useNow } from '../../data/live.tsx';
import { clockTime, exactSpan, span, tickTime } from '../../data/time.ts';
import { panned, placeOf, ticksOf, zoomed, type View } from '../../data/timeline-view.ts';
import { barKinds, storyOf, type BarKind, type Story } from '../../data/timeline.ts';
import { TimelineTable } from './timeline-table.tsx';
import css from './timeline.module.css';

const names: Readonly<Record<BarKind, string>> = {
  waiting: 'waiting',
  parked: 'parked',
  starting: 'starting',
  running: 'running',
  frozen: 'stood still',
  moving: 'moving',
  parking: 'saving its work',
  lost: 'lost',
};

const timeOf = (ms: number): string => clockTime(new Date(ms).toISOString());

export function Timeline({ job }: { readonly job: ComputeJob }) {
  const now = useNow();
  const over = job.status?.finishTime !== undefined;
  const story = useMemo(() => storyOf(job, over ? 0 : now), [job, over, now]);
  const { totals, unplacedMs } = story;
  const [chosen, setChosen] = useState<View>();
  return (
    <section className="panel" aria-label="Timeline">
      <Chart story={story} chosen={chosen} onView={setChosen} />
      <div className={css.totals}>
        {barKinds.map(
          (kind) =>
            totals[kind] > 0 && (
              <span key={kind}>
                <i className={css.key} data-kind={kind} aria-hidden /> {names[kind]} {exactSpan(totals[kind])}
              </span>
            ),
        )}
        {unplacedMs > 0 && (
          <span className="quiet">in all this it stood still for {span(unplacedMs)} more; when, is not recorded</span>
        )}
      </div>
      <TimelineTable lines={story.lines} from={story.from} />
    </section>
  );
}

interface ChartProps {
  readonly story: Story;
  /** Undefined: all of it, also when it grows. */
  readonly chosen: View | undefined;
  readonly onView: (view: View | undefined) => void;
}

const closer = 0.6;

function Chart({ story, chosen, onView }: ChartProps) {
  const { rows } = story;
  const view: View = chosen ?? story;
  const box = useRef<HTMLDivElement>(null);
  const width = useTrackWidth(box);
  const zoom = (factor: number, at = (view.from + view.to) / 2): void => onView(zoomed(view, story, factor, at));
  const pan = (share: number): void => {
    if (chosen !== undefined) onView(panned(chosen, story, share));
  };
  // React listens to wheels passively, and so could not keep the page from scrolling or being magnified.
  const onWheel = useRef((_event: WheelEvent): void => undefined);
  useLayoutEffect(() => {
    onWheel.current = (event) => {
      const track = box.current?.querySelector(`.${css.track}`)?.getBoundingClientRect();
      if (track === undefined) return;
      if (event.ctrlKey || event.metaKey) {
        event.preventDefault();
        const share = Math.min(1, Math.max(0, (event.clientX - track.left) / track.width));
        zoom(Math.exp(Math.max(-1, Math.min(1, event.deltaY / 200))), view.from + share * (view.to - view.from));
      } else if (Math.abs(event.deltaX) > Math.abs(event.deltaY) && chosen !== undefined) {
        event.preventDefault();
        pan(event.deltaX / track.width);
      }
    };
  });
  useEffect(() => {
    const element = box.current;
    const listen = (event: WheelEvent): void => onWheel.current(event);
    element?.addEventListener('wheel', listen, { passive: false });
    return () => element?.removeEventListener('wheel', listen);
  }, []);
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts: Readonly<Record<string, () => void>> = {
      '+': () => zoom(closer),
      '=': () => zoom(closer),
      '-': () => zoom(1 / closer),
      '0': () => onView(undefined),
      ArrowLeft: () => pan(-0.25),
      ArrowRight: () => pan(0.25),
      Home: () => pan(-Infinity),
      End: () => pan(Infinity),
    };
    const act = acts[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };
  const ticks = ticksOf(view, Math.max(2, Math.floor(width / 90)), -new Date(view.from).getTimezoneOffset() * 60_000);
  return (
    <>
      <div className={css.tools}>
        <span className="quiet" role="status">
          {timeOf(view.from)} to {chosen === undefined && story.open ? 'now' : timeOf(view.to)}
          <VisuallyHidden>, {span(view.to - view.from)}</VisuallyHidden>
        </span>
        <Tools zoomedIn={chosen !== undefined} onZoom={zoom} onPan={pan} onFit={() => onView(undefined)} />
      </div>
      <div
        ref={box}
        className={css.chart}
        role="group"
        tabIndex={0}
        aria-label="Bars of the timeline. Plus and minus zoom, arrows go on and back, 0 shows all. The table below tells the same."
        onKeyDown={onKeyDown}
      >
        {rows.map(({ number, nodes, bars, marks, end }) => (
          <div className={css.row} key={number} aria-hidden>
            <div className={css.who} title={nodes.join(' → ')}>
              <strong>{nodes.length === 0 ? 'next' : nodes.join(' → ')}</strong>
              <span className="quiet"> {nodes.length === 0 ? '' : `attempt ${number}`}</span>
            </div>
            <div className={css.track}>
              {ticks.at.map((at) => (
                <i key={at} className={css.line} style={{ left: `${placeOf(view, at, at)?.left ?? 0}%` }} />
              ))}
              {bars.map((bar) => {
                const place = placeOf(view, bar.from, bar.to);
                return (
                  place && (
                    <div
                      key={`${bar.kind}${bar.from}`}
                      className={css.bar}
                      data-kind={bar.kind}
                      title={`${bar.label}, ${timeOf(bar.from)} to ${timeOf(bar.to)}, ${exactSpan(bar.to - bar.from)}`}
                      style={{ left: `${place.left}%`, width: `${place.width}%` }}
                    />
                  )
                );
              })}
              {marks.map(({ at, title, detail }) => {
                const place = placeOf(view, at, at);
                return (
                  place && (
                    <span
                      key={at + title}
                      className={css.mark}
                      style={{ left: `${place.left}%` }}
                      title={`${timeOf(at)} ${title}: ${detail}`}
                    />
                  )
                );
              })}
            </div>
            <div className={css.end}>{end ?? (nodes.length === 0 ? '' : 'now')}</div>
          </div>
        ))}
        <div className={css.axis} aria-hidden>
          {ticks.at.map((at) => {
            const left = placeOf(view, at, at)?.left ?? 0;
            // One that would hang over an end is not written.
            return (
              left > 3 &&
              left < 97 && (
                <span key={at} style={{ left: `${left}%` }}>
                  {tickTime(at, ticks.stepMs)}
                </span>
              )
            );
          })}
        </div>
      </div>
    </>
  );
}

/** px */
function useTrackWidth(box: RefObject<HTMLDivElement | null>): number {
  const [width, setWidth] = useState(600);
  useEffect(() => {
    const track = box.current?.querySelector(`.${css.track}`);
    if (!track) return undefined;
    const observer = new ResizeObserver(([entry]) => setWidth(entry?.contentRect.width ?? 600));
    observer.observe(track);
    return () => observer.disconnect();
  }, [box]);
  return width;
}

function Tools(o: {
  readonly zoomedIn: boolean;
  readonly onZoom: (factor: number) => void;
  readonly onPan: (share: number) => void;
  readonly onFit: () => void;
}) {
  const tools = [
    { label: 'Back', icon: IconArrowLeft, act: () => o.onPan(-0.5), needsZoom: true },
    { label: 'On', icon: IconArrowRight, act: () => o.onPan(0.5), needsZoom: true },
    { label: 'Show less time', icon: IconPlus, act: () => o.onZoom(closer), needsZoom: false },
    { label: 'Show more time', icon: IconMinus, act: () => o.onZoom(1 / closer), needsZoom: true },
    { label: 'Show all', icon: IconArrowsHorizontal, act: o.onFit, needsZoom: true },
  ];
  return (
    <Group gap={4} wrap="nowrap">
      {tools.map(({ label, icon: Shape, act, needsZoom }) => (
        <ActionIcon
          key={label}
          variant="default"
          size={30}
          aria-label={label}
          title={label}
          disabled={needsZoom && !o.zoomedIn}
          onClick={act}
        >
          <Shape size={16} aria-hidden />
        </ActionIcon>
      ))}
    </Group>
  );
}
