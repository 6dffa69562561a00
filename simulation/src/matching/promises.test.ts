// Nobody gets room that was given away by a decision which the API server has not heard of yet.
import { describe, expect, it } from '@jest/globals';
import type { VirtualMachineInstance } from '@idlewild/operator/api/kubevirt.ts';
import { virtualMachineInstances } from '@idlewild/operator/api/resources.ts';
import type { TransportRequest } from '@idlewild/operator/kube/transport.ts';
import { withVmiCondition } from '../kubevirt/objects.ts';
import { at, minuteMs, whole, type Fate, type Witness } from './witness.ts';

const isMigration = ({ method, path }: TransportRequest): boolean =>
  method === 'POST' && path.endsWith('/virtualmachineinstancemigrations');
const slowly =
  (is: (request: TransportRequest) => boolean) =>
  (request: TransportRequest): Fate =>
    is(request) ? { delayMs: 2_000 } : undefined;

async function runningOnFirst(witness: Witness): Promise<void> {
  witness.submit('a', whole);
  await witness.runs('a');
  // Until the guest is free to move.
  await witness.advance(5_000);
  witness.pool.restore();
}

describe('a machine with room for one', () => {
  it('is not claimed while a migration to it is being made', () =>
    at({ machines: ['pc-1', 'pc-2'], fate: slowly(isMigration) }, async (witness) => {
      await runningOnFirst(witness);
      const from = witness.on('a') ?? '';
      witness.pool.kubeVirt.drain(from);
      await witness.until('a migration is being made', () => witness.asked.some(isMigration));
      expect(witness.pool.migrations()).toEqual([]);
      witness.submit('b', whole);
      await witness.until('a has moved', () => witness.on('a') !== from);
      expect(witness.on('b')).toBeUndefined();
      expect(witness.job('b')?.status?.phase).toBe('Waiting');
      expect(witness.asked.filter(isMigration)).toHaveLength(1);
    }));

  it('is not the target of a migration while a claim of it is being written', () => {
    const isClaimOfB = ({ path, body }: TransportRequest): boolean =>
      path.endsWith('/computejobs/b/status') && JSON.stringify(body).includes('"attempts"');
    return at({ machines: ['pc-1', 'pc-2'], fate: slowly(isClaimOfB) }, async (witness) => {
      await runningOnFirst(witness);
      witness.submit('b', whole);
      await witness.until('a claim is being written', () => witness.asked.some(isClaimOfB));
      expect(witness.on('b')).toBeUndefined();
      witness.pool.kubeVirt.drain(witness.on('a') ?? '');
      await witness.runs('b');
      expect(witness.asked.filter(isMigration)).toEqual([]);
      expect(witness.condition('a', 'Interrupted')?.reason).toBe('NoMachineForGuest');
    });
  });

  it('is kept for the guest that is made anew there, whoever is ahead of it in line', () => {
    const isEnd = ({ path, body }: TransportRequest): boolean =>
      path.endsWith('/computejobs/a/status') && JSON.stringify(body).includes('"Drained"');
    return at({ machines: ['pc-1', 'pc-2'], fate: slowly(isEnd) }, async (witness) => {
      await runningOnFirst(witness);
      const from = witness.on('a') ?? '';
      const { kubeVirt } = witness.pool;
      kubeVirt.cluster.change<VirtualMachineInstance>(
        virtualMachineInstances,
        witness.pool.vmi('a-1') as VirtualMachineInstance,
        (current) => withVmiCondition(current, 'LiveMigratable', 'False', 'HostDevice'),
      );
      await witness.advance(1_000);
      kubeVirt.drain(from);
      await witness.until('its end is being written', () => witness.asked.some(isEnd), 5 * minuteMs);
      witness.submit('b', { ...whole, priority: 'Urgent' });
      await witness.until('a is on the other machine', () => ![undefined, from].includes(witness.on('a')));
      expect(witness.job('b')?.status?.phase).toBe('Waiting');
    });
  });
});
