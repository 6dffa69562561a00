// The timeline of a job: attempts as rows of bars on a common axis, and every interruption as a mark that can be read.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { useMemo } from 'react';
import { useNow } from '../../data/live.tsx';
import { clockTime, span } from '../../data/time.ts';
import { storyOf, type BarKind } from '../../data/timeline.ts';
import css from './timeline.module.css';

const names: Readonly<Record<BarKind, string>> = {
  waiting: 'waiting',
  starting: 'starting',
  running: 'running',
  frozen: 'stood still',
  lost: 'lost',
};

export function Timeline({ job }: { readonly job: ComputeJob }) {
  const now = useNow();
  const over = job.status?.finishTime !== undefined;
  const story = useMemo(() => storyOf(job, over ? 0 : now), [job, over, now]);
  const { from, to, rows, totals } = story;
  const percent = (at: number): string => `${((at - from) / (to - from)) * 100}%`;
  const marks = rows.flatMap((row) => row.marks.map((mark) => ({ ...mark, attempt: row.number })));
  return (
    <section className="panel" aria-label="Timeline">
      <div className={css.rows}>
        {rows.map(({ number, node, bars, marks: own, end }) => (
          <div className={css.row} key={number}>
            <div className={css.who}>
              <strong>{node === '' ? 'next' : node}</strong>
              <span className="quiet"> {node === '' ? '' : `attempt ${number}`}</span>
            </div>
            <div className={css.track}>
              {bars.map((bar) => (
                <div
                  key={`${bar.kind}${bar.from}`}
                  className={css.bar}
                  data-kind={bar.kind}
                  title={`${bar.label}, ${span(bar.to - bar.from)}`}
                  style={{ left: percent(bar.from), width: `${((bar.to - bar.from) / (to - from)) * 100}%` }}
                />
              ))}
              {own.map((mark) => (
                <span
                  key={mark.at + mark.title}
                  className={css.mark}
                  style={{ left: percent(mark.at) }}
                  title={`${mark.title}: ${mark.detail}`}
                  aria-hidden
                />
              ))}
            </div>
            <div className={css.end}>{end ?? (node === '' ? '' : 'now')}</div>
          </div>
        ))}
      </div>
      <div className={css.axis} aria-hidden>
        <span>{clockTime(new Date(from).toISOString())}</span>
        <span>{clockTime(new Date(to).toISOString())}</span>
      </div>
      <div className={css.totals}>
        {(Object.keys(names) as BarKind[]).map(
          (kind) =>
            totals[kind] > 0 && (
              <span key={kind}>
                <i className={css.key} data-kind={kind} aria-hidden /> {names[kind]} {span(totals[kind])}
              </span>
            ),
        )}
      </div>
      {marks.length > 0 && (
        <ul className={css.list}>
          {marks.map(({ at, title, detail, attempt }) => (
            <li key={`${at}${title}`}>
              <time className="quiet">{clockTime(new Date(at).toISOString())}</time> <strong>{title}</strong>, attempt{' '}
              {attempt}
              {detail !== '' && <span className="quiet">: {detail}</span>}
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
