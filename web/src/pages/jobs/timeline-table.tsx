// What happened to a job, as a table: for those who cannot see the bars, for small screens, and for the words of the ledger.
import { useState } from 'react';
import { clockTime, exactSpan, fullTime } from '../../data/time.ts';
import type { StoryLine } from '../../data/timeline.ts';
import css from './timeline.module.css';

/** The latest ones are shown at once. */
const few = 8;

export function TimelineTable({ lines, from }: { readonly lines: readonly StoryLine[]; readonly from: number }) {
  const [all, setAll] = useState(false);
  const shown = all ? lines : lines.slice(-few);
  const manyAttempts = (lines.at(-1)?.attempt ?? 1) > 1;
  return (
    <>
      <table className={css.table}>
        <caption>What happened, since {fullTime(new Date(from).toISOString())}</caption>
        <thead>
          <tr>
            <th scope="col">From</th>
            <th scope="col" className={css.howLong}>
              How long
            </th>
            <th scope="col">What</th>
          </tr>
        </thead>
        <tbody>
          {shown.map((line) => (
            <tr key={`${line.attempt} ${line.kind} ${line.from} ${line.title}`}>
              <td>
                <time dateTime={new Date(line.from).toISOString()} title={fullTime(new Date(line.from).toISOString())}>
                  {clockTime(new Date(line.from).toISOString())}
                </time>
              </td>
              <td className={css.howLong}>{howLong(line)}</td>
              <td>
                {line.kind !== 'moment' && <i className={css.key} data-kind={line.kind} aria-hidden />}{' '}
                <strong>{line.title}</strong>
                <span className={css.forHowLong}> {howLong(line)}</span>
                {manyAttempts && <span className="quiet"> attempt {line.attempt}</span>}
                {line.detail !== '' && <div className="quiet">{line.detail}</div>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {lines.length > few && (
        <button type="button" className={css.more} aria-expanded={all} onClick={() => setAll(!all)}>
          {all ? `Only the latest ${few}` : `All ${lines.length}`}
        </button>
      )}
    </>
  );
}

function howLong({ from, to, open }: StoryLine): string {
  if (open) return `${exactSpan(to - from)} so far`;
  return to > from ? exactSpan(to - from) : '';
}
