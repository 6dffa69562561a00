// Why a job waits: its place in line, when a machine may be free, and what keeps each machine from taking it.
import type { ComputeJob } from '@idlewild/operator/api/compute-job.ts';
import { Link } from 'react-router';
import { useNow } from '../../data/live.tsx';
import { useMe } from '../../data/me.tsx';
import { waitOf, type WaitRow } from '../../data/wait-words.ts';
import css from './job.module.css';

export function JobWait({ job }: { readonly job: ComputeJob }) {
  const now = useNow();
  const { data: me } = useMe();
  const wait = waitOf(job, now);
  if (wait === undefined) return null;
  const { place, estimate, rows } = wait;
  return (
    <section className={`panel ${css.wait}`} aria-label="Why it waits">
      <dl className={css.pairs}>
        {place !== undefined && (
          <div>
            <dt>Place</dt>
            <dd>{place}</dd>
          </div>
        )}
        <div>
          <dt>A machine is free</dt>
          <dd>{estimate}</dd>
        </div>
      </dl>
      {rows.length > 0 && (
        <table className={css.facts}>
          <caption>What keeps the machines from taking it</caption>
          <thead>
            <tr>
              <th scope="col">Machines</th>
              <th scope="col">Why not</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <Reason key={row.reason} row={row} links={me?.machines.list === true} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Reason({ row, links }: { readonly row: WaitRow; readonly links: boolean }) {
  const { machines, words, detail, names } = row;
  const more = machines - names.length;
  return (
    <tr>
      <td className={css.count}>{machines === 0 ? 'all' : machines}</td>
      <td>
        {words !== '' && <strong>{words}</strong>}
        {detail !== '' && <div className={words === '' ? '' : 'quiet'}>{detail}</div>}
        {names.length > 0 && (
          <details>
            <summary>Which</summary>
            {names.map((name, index) => (
              <span key={name}>
                {index > 0 && ', '}
                {links ? <Link to={`/machines/${name}`}>{name}</Link> : name}
              </span>
            ))}
            {more > 0 && ` and ${more} more`}
          </details>
        )}
      </td>
    </tr>
  );
}
