// KubeVirt itself is away for a while: no machine and no job is to blame for that.
import { describe, expect, it } from '@jest/globals';
import type { Node } from '@idlewild/operator/api/kubernetes.ts';
import { nodes } from '@idlewild/operator/api/resources.ts';
import type { TransportRequest } from '@idlewild/operator/kube/transport.ts';
import { annotations } from '@idlewild/operator/model/names.ts';
import { at, minuteMs, whole, type Witness } from '../matching/witness.ts';

const awayMs = 16 * minuteMs;
/** What Kubernetes answers while nothing listens behind KubeVirt's webhooks. */
const unanswered = {
  status: 500,
  message:
    'Internal error occurred: failed calling webhook "virtualmachine-validator.kubevirt.io": failed to call webhook: Post "https://virt-api.kubevirt.svc:443/virtualmachines-validate?timeout=10s": dial tcp 10.43.7.1:443: connect: connection refused',
};
const makesVm = ({ method, path }: TransportRequest): boolean => method === 'POST' && path.endsWith('/virtualmachines');
const held = ({ pool }: Witness): string[] =>
  pool.api
    .list<Node>(nodes)
    .filter(({ metadata }) => metadata.annotations?.[annotations.hold] !== undefined)
    .map(({ metadata }) => metadata.name);

describe('while KubeVirt does not answer', () => {
  it(
    'jobs say so, none fails, no machine is held down, and all start once it is back',
    () =>
      at(
        {
          machines: ['pc-1', 'pc-2'],
          fate: (request, { nowMs }) => (makesVm(request) && nowMs < awayMs ? unanswered : undefined),
        },
        async (witness) => {
          const jobs = ['a', 'b'];
          for (const job of jobs) witness.submit(job, { ...whole, retries: { limit: 0, when: ['StartFailed'] } });
          await witness.until('a is told why', () => witness.job('a')?.status?.reason === 'KubeVirtNotReady');
          expect(witness.job('a')?.status?.message).toMatch(/connection refused.*tried again/);
          await witness.advance(awayMs - witness.nowMs);
          for (const job of jobs) expect(witness.job(job)?.status?.failures ?? 0).toBe(0);
          expect(held(witness)).toEqual([]);
          for (const job of jobs) await witness.runs(job);
          expect(witness.events('a').filter(({ reason }) => reason === 'KubeVirtNotReady').length).toBeLessThan(10);
        },
      ),
    120_000,
  );

  it(
    'a job that gives its starts less time than lies between two tries is not to blame either',
    () =>
      at(
        {
          machines: ['pc-1'],
          fate: (request, { nowMs }) => (makesVm(request) && nowMs < 5 * minuteMs ? unanswered : undefined),
        },
        async (witness) => {
          witness.submit('a', { ...whole, startDeadline: '25s', retries: { limit: 0, when: ['StartFailed'] } });
          await witness.advance(5 * minuteMs - witness.nowMs);
          const { attempts = [], failures = 0 } = witness.job('a')?.status ?? {};
          const ended = attempts.filter((attempt) => attempt.ended !== undefined);
          expect(ended.length).toBeGreaterThan(1);
          expect(ended.map(({ cause }) => cause)).toEqual(ended.map(() => 'KubeVirtNotReady'));
          expect([failures, held(witness)]).toEqual([0, []]);
          await witness.runs('a');
        },
      ),
    120_000,
  );
});
