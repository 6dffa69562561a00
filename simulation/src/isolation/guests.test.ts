// The whole operator and the network of its guests: what is made before the first of them, what is made anew, and what a job is
// told that cannot have what it asks for.
import { describe, expect, it } from '@jest/globals';
import type { NetworkPolicy } from '@idlewild/operator/api/kubernetes.ts';
import type { VirtualMachine } from '@idlewild/operator/api/kubevirt.ts';
import { namespaces, networkPolicies, virtualMachines } from '@idlewild/operator/api/resources.ts';
import { namespace } from '../crash/pool.ts';
import { at, minuteMs, secondMs, type Fate, type Witness } from '../matching/witness.ts';

const name = 'idlewild-guests';
const ref = { namespace, name };
const path = '/networkpolicies';
const policyOf = ({ pool }: Witness): NetworkPolicy | undefined => pool.api.get<NetworkPolicy>(networkPolicies, ref);
const policyWrites = ({ asked }: Witness) => asked.filter((each) => each.method !== 'GET' && each.path.includes(path));
const vms = ({ pool }: Witness): readonly VirtualMachine[] => pool.api.list<VirtualMachine>(virtualMachines);
const label = ({ pool }: Witness, key: string, value: string | null): void =>
  void pool.api.patch(namespaces, { name: namespace }, { metadata: { labels: { [key]: value } } });

describe('the guests of a namespace', () => {
  it('are isolated before the first of them is made, by one write for all of them', () =>
    at({ machines: ['pc-1', 'pc-2'] }, async (witness) => {
      const before: (number | undefined)[] = [];
      witness.pool.api.onWrite(({ type, kind }) => {
        if (kind.type === virtualMachines && type === 'ADDED') before.push(policyOf(witness)?.spec.egress?.length);
      });
      for (const job of ['a', 'b', 'c', 'd']) witness.submit(job);
      for (const job of ['a', 'b', 'c', 'd']) await witness.runs(job);
      expect(before).toEqual([2, 2, 2, 2]);
      expect(policyWrites(witness).map(({ method }) => method)).toEqual(['POST']);
      // Nobody was told of a wait of a moment.
      expect(witness.events('a').map(({ reason }) => reason)).not.toContain('Waiting');
      expect(vms(witness).map(({ spec }) => spec.template.metadata?.labels?.['idlewild.dev/network'])).toEqual(
        Array.from({ length: 4 }, () => 'Isolated'),
      );
    }));

  it('stay so whoever deletes or edits the policy, and somebody who keeps at it causes no storm', () =>
    at({ machines: ['pc-1'] }, async (witness) => {
      witness.submit('a');
      await witness.runs('a');
      const wanted = policyOf(witness)?.spec;
      witness.pool.api.delete(networkPolicies, ref);
      await witness.until('it is there again', () => policyOf(witness) !== undefined, 5 * secondMs);
      expect(policyOf(witness)?.spec).toEqual(wanted);

      const wider = { egress: [{}], podSelector: { matchLabels: { 'idlewild.dev/job': 'nobody' } } };
      const edit = { metadata: { labels: null, annotations: { 'example.dev/note': 'mine' } }, spec: wider };
      witness.pool.api.patch(networkPolicies, ref, edit);
      const restored = (): boolean => JSON.stringify(policyOf(witness)?.spec) === JSON.stringify(wanted);
      await witness.until('it is as it was', restored, 5 * secondMs);
      expect(policyOf(witness)?.metadata).toMatchObject({
        labels: { 'app.kubernetes.io/managed-by': 'idlewild' },
        annotations: { 'example.dev/note': 'mine' },
      });

      const writes = policyWrites(witness).length;
      for (let second = 0; second < 300; second++) {
        if (restored()) witness.pool.api.patch(networkPolicies, ref, { spec: wider });
        await witness.advance(secondMs);
      }
      expect(policyWrites(witness).length - writes).toBeLessThan(10);
      await witness.until('it is as it was', restored, 20 * minuteMs);
    }));

  it('may talk to each other once an admin says so', () =>
    at({ machines: ['pc-1'] }, async (witness) => {
      witness.submit('a');
      await witness.runs('a');
      expect(policyOf(witness)?.spec).not.toHaveProperty('ingress');
      label(witness, 'idlewild.dev/guests-may-talk', 'true');
      await witness.until('it lets them', () => policyOf(witness)?.spec.ingress?.length === 1, 5 * secondMs);
      label(witness, 'idlewild.dev/guests-may-talk', null);
      const apart = () => policyOf(witness)?.spec.ingress === undefined;
      await witness.until('it keeps them apart again', apart, minuteMs);
    }));

  it('are none while the policy cannot be made; their jobs say why, and those without a network run', () => {
    let refuses = true;
    const message = 'networkpolicies.networking.k8s.io is forbidden: User "operator" cannot create';
    const fate = (request: { method: string; path: string }): Fate =>
      refuses && request.method === 'POST' && request.path.endsWith(path) ? { status: 403, message } : undefined;
    return at({ machines: ['pc-1', 'pc-2'], fate }, async (witness) => {
      witness.submit('isolated');
      witness.submit('alone', { network: 'None' });
      await witness.runs('alone');
      await witness.until('it is told', () => witness.job('isolated')?.status?.reason === 'NetworkNotReady', minuteMs);
      expect(witness.job('isolated')?.status?.message).toContain(message);
      await witness.advance(10 * minuteMs);
      expect(vms(witness).map(({ metadata }) => metadata.name)).toEqual(['alone-1']);
      expect(vms(witness)[0]?.spec.template.spec).toMatchObject({
        domain: { devices: { autoattachPodInterface: false } },
      });
      expect(policyWrites(witness).length).toBeLessThan(60);
      refuses = false;
      await witness.until('it runs', () => witness.pool.runsOn('isolated') !== undefined, 10 * minuteMs);
    });
  }, 60_000);

  it('are in the open only where an admin allows it', () =>
    at({ machines: ['pc-1'] }, async (witness) => {
      witness.submit('wide', { network: 'Open' });
      await witness.until('it is told', () => witness.job('wide')?.status?.reason === 'NetworkNotAllowed', minuteMs);
      expect(witness.job('wide')?.status?.message).toContain(
        `kubectl label namespace ${namespace} idlewild.dev/allow-open-network=true`,
      );
      await witness.advance(minuteMs);
      expect(vms(witness)).toEqual([]);
      label(witness, 'idlewild.dev/allow-open-network', 'true');
      await witness.runs('wide');
      expect(vms(witness)[0]?.spec.template.metadata?.labels?.['idlewild.dev/network']).toBe('Open');
    }));

  it('and their policy go with a namespace that is deleted, without complaint', () =>
    at({ machines: ['pc-1'] }, async (witness) => {
      witness.submit('a');
      await witness.runs('a');
      witness.pool.api.delete(namespaces, { name: namespace });
      await witness.until('it is gone', () => witness.pool.api.get(namespaces, { name: namespace }) === undefined);
      const writes = policyWrites(witness).length;
      await witness.advance(5 * minuteMs);
      expect(policyWrites(witness).length).toBe(writes);
      expect(writes).toBe(1);
    }));
});

describe('an operator that comes back', () => {
  it.each([1, 2, 3])(
    'after its death at write %i makes no second policy and restores nothing that is as it should be',
    (write) =>
      at({ machines: ['pc-1'], death: { write, when: 'after' } }, async (witness) => {
        witness.submit('a');
        await witness.runs('a');
        expect(policyWrites(witness)).toHaveLength(1);
      }),
  );
});
