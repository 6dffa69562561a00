// How the lab has been: cores over time, waiting times, interruptions, and who has which share. Only of what one may see.
import type { Overview } from '@idlewild/operator/portal/schemas.ts';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { call } from '../../data/api.ts';
import { useJobs } from '../../data/live.tsx';
import { useMe } from '../../data/me.tsx';
import { CoresOverTime } from './cores-over-time.tsx';
import { Shares } from './shares.tsx';
import { Waits } from './waits.tsx';

const queryKey = ['overview'];
/** However much changes, it is asked for no more often. */
const leastMs = 15_000;

export function LabSummary() {
  const client = useQueryClient();
  const { rows } = useJobs();
  const { data: me } = useMe();
  const asked = useRef(0);
  useEffect(() => {
    if (Date.now() - asked.current < leastMs) return;
    asked.current = Date.now();
    void client.invalidateQueries({ queryKey });
  }, [client, rows]);
  const { data, error } = useQuery({
    queryKey,
    queryFn: ({ signal }) => call<Overview>('GET', '/api/v1/overview', { signal }),
  });
  if (data === undefined && error !== null) return <p className="quiet">{error.message}</p>;
  return (
    <>
      {me?.machines.list === true && <CoresOverTime cores={data?.cores} />}
      <Waits waits={data?.waits} interruptions={data?.interruptions} />
      <Shares data={data} />
    </>
  );
}
